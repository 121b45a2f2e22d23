/** A client of the Message Batches API over undici. Knows nothing of Temporal. */
export type { Answer } from './answer';
export {
  ApiError,
  AuthenticationError,
  BadRequestError,
  BillingError,
  ConflictError,
  NotFoundError,
  OverloadedError,
  PermissionError,
  RateLimitError,
  RequestTooLargeError,
  ServerError,
} from './api-error';
export type { CallOptions } from './call';
export { MessageBatchesApi } from './message-batches-api';
export type { CreateOptions } from './create';
export type { CreateBody } from './create-body';
export {
  ConnectionError,
  DeadlinePassedError,
  InvalidAnswerError,
  InvalidRequestError,
  MessageBatchesError,
  RequestBodyError,
  TimeoutError,
  type Sent,
} from './errors';
export type { ListParams } from './list';
export type { ResultsOptions, ResultsStream } from './results';
export { DEFAULT_API_VERSION, type ApiOptions, type Credential } from './settings';
export { apiOptionsFromEnv } from './settings-from-env';
export type { MessageBatchPage } from './shapes';
export type {
  BatchCreateParams,
  DeletedMessageBatch,
  MessageBatch,
  MessageBatchIndividualResponse,
  MessageBatchRequestCounts,
  MessageBatchResult,
} from '@anthropic-ai/sdk/resources/messages/batches';
