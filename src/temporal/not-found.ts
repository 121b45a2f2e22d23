import { isGrpcServiceError } from '@temporalio/client';

/** Of gRPC. */
const NOT_FOUND = 5;

/** Whether a raw call to the server was answered with: there is no such workflow (any more). The SDK's own calls throw a `WorkflowNotFoundError`. */
export function isNotFound(error: unknown): boolean {
  return isGrpcServiceError(error) && (error.code as number) === NOT_FOUND;
}
