'use strict';
// A worker of the comparison, in a process of its own: `product` (its workflows and activities) or `bare` (the parent and the empty children).
const { join } = require('node:path');
const { DefaultLogger, NativeConnection, Runtime, Worker } = require('@temporalio/worker');
const { createMessageBatchesWorker } = require('../dist/worker');
const { peakMegabytes } = require('./measure');

async function main() {
  const { role, address, taskQueue, ...options } = JSON.parse(process.env.BENCH_WORKER);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  const worker =
    role === 'product'
      ? await createMessageBatchesWorker({ connection, namespace: 'default', ...options })
      : // As the product's own worker has it, so that both parents are served alike.
        await Worker.create({ connection, taskQueue, workflowsPath: join(__dirname, 'follow-up-workflows.js'), maxCachedWorkflows: 100, workflowThreadPoolSize: 1, workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 1, initial: 2, maximum: 20 } });
  process.on('message', (message) => (message === 'peak' ? process.send({ peak: peakMegabytes() }) : worker.shutdown()));
  process.send('ready');
  await worker.run();
  await connection.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
