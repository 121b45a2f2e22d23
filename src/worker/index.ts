export { MessageBatchesPlugin, type MessageBatchesPluginOptions } from './plugin';
export { AccessRefusedError, createMessageBatchesWorker, MessageBatchesWorker, type WorkerOptions } from './worker';
