export { MessageBatchesPlugin, type MessageBatchesPluginOptions } from './plugin';
export { createMessageBatchesWorker, KeyRefusedError, MessageBatchesWorker, type WorkerOptions } from './worker';
