/** A client of the Message Batches API over undici. Knows nothing of Temporal. */
export type { Answer } from './answer';
export {
  ApiError,
  AuthenticationError,
  BadRequestError,
  BillingError,
  ConflictError,
  GatewayTimeoutError,
  InternalServerError,
  NotFoundError,
  OverloadedError,
  PermissionError,
  RateLimitError,
  RequestTimeoutError,
  RequestTooLargeError,
  ServerError,
  ServiceUnavailableError,
  UnprocessableEntityError,
} from './api-error';
export type { BodyFields } from './body-fields';
export type { CallOptions } from './call';
export type { CreateOptions } from './create';
export type { CreateBody, JsonlSource } from './create-body';
export type { Credential, TokenProvider } from './credential';
export {
  ConnectionError,
  CredentialError,
  DeadlinePassedError,
  InvalidAnswerError,
  InvalidRequestError,
  MessageBatchesError,
  RequestBodyError,
  TimeoutError,
  type Sent,
} from './errors';
export type { GivenHeaders } from './headers';
export type { ApiHooks, CallEvent, EndEvent, ErrorEvent, RequestEvent, ResponseEvent, RetryEvent } from './hooks';
export { jsonlFile, type JsonlFile } from './jsonl-file';
export type { ListParams, MessageBatchesPage } from './list';
export { LOG_LEVELS, logHooks, type LogLevel } from './log-hooks';
export { MessageBatchesApi, type CancelOptions } from './message-batches-api';
export type { ProxySettings } from './proxy';
export type { GivenQuery, Query } from './query';
export type { ResultLine, ResultOutcome } from './result-line';
export type { ResultsOptions } from './results';
export type { ResultsStream } from './results-stream';
export type { ResponseHeaders } from './retry-hints';
export { DEFAULT_API_VERSION, type ApiOptions } from './settings';
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
