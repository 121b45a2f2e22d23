export { useS3, type S3Settings } from '../storage';
export { MessageBatchesPlugin, type MessageBatchesPluginOptions } from './plugin';
export { AccessRefusedError, createMessageBatchesWorker, MessageBatchesWorker, type WorkerOptions } from './worker';
export { InputError, writeRequests, type ProgramRequest, type WriteRequestsOptions } from '../jobs';
