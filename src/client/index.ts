export { useS3, type S3Settings } from '../storage';
export { MessageBatchesClient } from './client';
export type { JobSummary, MessageBatchesClientOptions, StartJobOptions } from './client';
export { JobFailedError, JobNotFoundError, JobUnfinishedError } from './errors';
export { JobHandle } from './job-handle';
export type { WatchOptions } from './job-handle';
export { statusOfReport } from './observed-status';
export type { ObservedJobStatus, ObservedPart, Trouble } from './observed-status';
