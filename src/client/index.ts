export { useS3, type S3Settings } from '../storage';
export { MessageBatchesClient } from './client';
export type { JobSummary, MessageBatchesClientOptions, StartJobOptions } from './client';
export { JobConflictError, JobFailedError, JobNotFoundError, JobOptionsError, JobUnfinishedError } from './errors';
export { JobHandle } from './job-handle';
export type { ResultsOptions, WatchOptions } from './job-handle';
export { statusOfReport } from './observed-status';
export type { ObservedFollowUps, ObservedJobStatus, ObservedPart, Trouble } from './observed-status';
export { InputError, writeRequests, type ProgramRequest, type WriteRequestsOptions } from '../jobs';
