'use strict';
// A worker in a process of its own, as built, that can stop itself exactly before or after one record, or one operation on a file.
const { readFileSync } = require('node:fs');
const { stop, stopAtStep } = require('./steps-that-stop');

/** @type {{address: string, storage: string, account: object, api: object, keyFile?: string, uid?: number, createTimeoutMs?: number, maxCachedWorkflows?: number, callsPerMinute?: number, stopAt?: {record: string, when: 'before'|'after', signal: string, once: string}, stopAtStep?: object}} */
const config = JSON.parse(process.env.TEST_WORKER);

function recordsThatStop({ record, when, ...how }) {
  const { syncedRecords } = require('../../dist/jobs');
  const stopping = (write) => async (path, value) => {
    const here = path.includes(record);
    if (here && when === 'before') stop(how);
    const written = await write(path, value);
    if (here && when === 'after') stop(how);
    return written;
  };
  return { ...syncedRecords, create: stopping(syncedRecords.create), replace: stopping(syncedRecords.replace) };
}

async function main() {
  if (config.stopAtStep) await stopAtStep(config.stopAtStep);
  // After the step is prepared: what the product has taken of node:fs/promises by then would not stop.
  const { NativeConnection, Runtime, DefaultLogger, makeTelemetryFilterString } = require('@temporalio/worker');
  const { createMessageBatchesWorker } = require('../../dist/worker');
  const level = process.env.TEST_WORKER_LOG || 'ERROR';
  const filter = makeTelemetryFilterString({ core: level, other: level });
  Runtime.install({ logger: new DefaultLogger(level), telemetryOptions: { logging: { filter } }, shutdownSignals: [] });
  const connection = await NativeConnection.connect({ address: config.address });
  const worker = await createMessageBatchesWorker({
    connection,
    namespace: 'default',
    account: config.account,
    storage: config.storage,
    api: config.keyFile === undefined ? config.api : { ...config.api, credential: { kind: 'x-api-key', token: () => readFileSync(config.keyFile, 'utf8') } },
    callsPerMinute: config.callsPerMinute,
    dependencies: {
      records: config.stopAt ? recordsThatStop(config.stopAt) : undefined,
      createTimeoutMs: config.createTimeoutMs === undefined ? undefined : () => config.createTimeoutMs,
    },
    tuning: config.maxCachedWorkflows === undefined ? undefined : { maxCachedWorkflows: config.maxCachedWorkflows },
  });
  if (config.uid !== undefined) process.setuid(config.uid);
  process.on('SIGTERM', () => worker.shutdown());
  void worker.refused.then(() => process.send({ refused: true }));
  process.send({ ready: true });
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
