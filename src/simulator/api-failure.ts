/** Errors in the API's own envelope. */
import type { ErrorResponse } from '@anthropic-ai/sdk/resources/shared';

/** Thrown by a call, answered as `{"type":"error","error":{…},"request_id":…}`. */
export class ApiFailure extends Error {
  readonly type: string;

  constructor(
    readonly status: number,
    message: string,
    readonly extra: { type?: string; errorCode?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.name = 'ApiFailure';
    this.type = extra.type ?? errorType(status);
  }
}

export function invalidRequest(message: string): ApiFailure {
  return new ApiFailure(400, message);
}

/** The envelope of an error; also what stands in an `errored` result. */
export function errorEnvelope(type: string, message: string, requestId: string, errorCode?: string): ErrorResponse {
  const error = { type, message, ...(errorCode === undefined ? {} : { details: { error_code: errorCode } }) };
  // The SDK's union has one member a type; which of them this is, is known at run time only.
  return { type: 'error', error: error as ErrorResponse['error'], request_id: requestId };
}

const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** The `error.type` that belongs to a status. */
export function errorType(status: number): string {
  return TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}
