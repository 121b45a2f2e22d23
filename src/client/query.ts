import { QueryNotRegisteredError, QueryRejectedError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';

/** How long a worker is given to answer a query, in ms. */
const QUERY_TIMEOUT_MS = 3000;

/** @returns undefined where no worker answered, or the workflow is too young or already gone. */
export async function answerOf<T>(client: Client, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, ask);
  } catch (error) {
    const unanswered =
      error instanceof ServiceError ||
      error instanceof WorkflowNotFoundError ||
      error instanceof QueryNotRegisteredError ||
      error instanceof QueryRejectedError;
    if (unanswered) return undefined;
    throw error;
  }
}
