'use strict';
// Follow-ups per second beside a bare parent that starts the same empty children with the same window, on the same server in
// the same run; events in all histories; memory of the worker. The children are served by one worker for both.
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { createWriteStream, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { finished } = require('node:stream/promises');
const { Client, Connection } = require('@temporalio/client');
const { median } = require('./measure');
const { batchWorkflowId, followUpShardWorkflowId, followUpWorkflowId, jobWorkflowId, workflowTaskQueue } = require('../dist/contract');
const { openHome, startEmbeddedServer, stopEmbeddedServer } = require('../dist/local');
const { startSimulator } = require('../dist/simulator');

/** Fewer for a quick look: FOLLOW_UPS=500. */
const FOLLOW_UPS = Number(process.env.FOLLOW_UPS ?? 2_000);
const WINDOW = 50;
const RUNS = Number(process.env.RUNS ?? 3);
/** For the memory of the worker. */
const FEW = 1_000;
const MANY = Number(process.env.FOLLOW_UPS_MANY ?? 10_000);
const CHILDREN = 'bench-children';
const PARENTS = 'bench-parents';

async function followUps() {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  const simulator = await startSimulator({ folder: join(folder, 'api'), processingMs: 0 });
  const env = { ...process.env, MESSAGE_BATCHES_HOME: join(folder, 'home') };
  const home = await openHome(env);
  const { address } = await startEmbeddedServer(home, env, () => undefined);
  const connection = await Connection.connect({ address });
  const bench = { folder, address, simulator, client: new Client({ connection }), account: { label: 'bench', baseUrl: simulator.url } };
  try {
    const children = await startWorker({ role: 'bare', address, taskQueue: CHILDREN });
    const parents = await startWorker({ role: 'bare', address, taskQueue: PARENTS });
    const product = await startProduct(bench);
    const seen = { bare: [], product: [] };
    for (let run = 0; run <= RUNS; run++) {
      const bare = await bareParent(bench, FOLLOW_UPS, run);
      const ours = await jobWithFollowUps(bench, FOLLOW_UPS, run);
      // The first of each warms caches up and does not count.
      if (run === 0) continue;
      seen.bare.push(bare);
      seen.product.push(ours);
    }
    print(seen);
    await product.stop();
    await memory(bench);
    await Promise.all([children.stop(), parents.stop()]);
  } finally {
    await connection.close();
    await stopEmbeddedServer(home);
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function print({ bare, product }) {
  const rate = (runs) => (FOLLOW_UPS * 1000) / median(runs.map(({ ms }) => ms));
  const events = (runs) => (1000 * median(runs.map((run) => run.events))) / FOLLOW_UPS;
  const [bareRate, ourRate] = [rate(bare), rate(product)];
  const ratios = product.map(({ ms }, run) => bare[run].ms / ms);
  console.log(`${FOLLOW_UPS} empty children, window ${WINDOW}: bare parent ${bareRate.toFixed(1)} a second, ours ${ourRate.toFixed(1)} (from the end of storing to all ends on record)`);
  console.log(`  ours by the bare parent's: ${median(ratios).toFixed(2)} (median of ${RUNS} pairs: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`);
  console.log(`  events in all histories per 1,000: bare parent ${events(bare).toFixed(0)}, ours ${events(product).toFixed(0)}; the largest of ours has ${Math.max(...product.map((run) => run.largest))} events`);
}

async function memory(bench) {
  const peaks = [];
  for (const count of [FEW, MANY]) {
    const worker = await startProduct(bench);
    await jobWithFollowUps(bench, count, `memory-${count}`);
    peaks.push(await worker.peak());
    await worker.stop();
  }
  console.log(`  memory of the product's worker, at most: ${peaks[0].toFixed(0)} MB with ${FEW} follow-ups, ${peaks[1].toFixed(0)} MB with ${MANY}`);
}

async function bareParent({ client }, count, run) {
  const prefix = `bare-${run}`;
  const input = { jobId: prefix, round: 1, part: 1, outcome: 'succeeded', metadata: {}, result: { uri: join('/', 'results.jsonl'), offset: 123_456, length: 789 }, request: { uri: join('/', 'requests.jsonl'), offset: 123_456, length: 789 }, activityTaskQueue: PARENTS };
  const start = performance.now();
  const handle = await client.workflow.start('bareParent', { workflowId: prefix, taskQueue: PARENTS, args: [{ count, window: WINDOW, taskQueue: CHILDREN, prefix, input }] });
  await handle.result();
  const ms = performance.now() - start;
  const { historyLength } = await handle.describe();
  return { ms, events: historyLength + count * (await eventsOf(client, `${prefix}-0`)) };
}

/** From the time that the results are stored, to the report of the part. */
async function jobWithFollowUps({ client, folder, account }, count, run) {
  const jobId = `follow-ups-${run}`;
  await client.workflow.execute('batchJobWorkflow', {
    workflowId: jobWorkflowId(jobId),
    taskQueue: workflowTaskQueue(account),
    args: [{ requests: await writeInput(join(folder, `${jobId}.jsonl`), count), account, output: join(folder, jobId), pollIntervalMs: 100, followUp: { workflow: 'emptyFollowUp', taskQueue: CHILDREN, window: WINDOW } }],
  });
  const { events } = await client.workflow.getHandle(batchWorkflowId(jobId, 1, 1)).fetchHistory();
  const scheduled = (name) => events.findIndex((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === `messageBatches.${name}`);
  const [from, to] = [scheduled('selectFollowUps'), scheduled('reportPart')];
  const shards = [];
  for (let shard = 1; shards.length === shard - 1; shard++) {
    const length = await eventsOf(client, followUpShardWorkflowId(jobId, 1, 1, shard)).catch(() => undefined);
    if (length !== undefined) shards.push(length);
  }
  const all = to - from + shards.reduce((sum, length) => sum + length, 0) + count * (await eventsOf(client, followUpWorkflowId(jobId, 1, 'question-0')));
  return { ms: timeOf(events[to]) - timeOf(events[from]), events: all, largest: Math.max(...shards, events.length) };
}

async function eventsOf(client, workflowId) {
  return (await client.workflow.getHandle(workflowId).describe()).historyLength;
}

function timeOf({ eventTime: { seconds, nanos } }) {
  return Number(seconds) * 1000 + nanos / 1e6;
}

async function writeInput(path, count) {
  const file = createWriteStream(path);
  for (let index = 0; index < count; index++) {
    file.write(`${JSON.stringify({ custom_id: `question-${index}`, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${index} + 1?` }] } })}\n`);
  }
  await finished(file.end());
  return path;
}

function startProduct({ address, simulator, folder, account }) {
  return startWorker({ role: 'product', address, account, storage: join(folder, 'storage'), api: { baseUrl: simulator.url, credential: { kind: 'x-api-key', token: 'bench' } } });
}

async function startWorker(options) {
  const child = fork(join(__dirname, 'follow-ups-worker.js'), { env: { ...process.env, BENCH_WORKER: JSON.stringify(options) } });
  const exit = once(child, 'exit');
  await Promise.race([once(child, 'message'), exit.then(([code]) => Promise.reject(new Error(`A worker ended with ${code}`)))]);
  return {
    async peak() {
      child.send('peak');
      return (await once(child, 'message'))[0].peak;
    },
    async stop() {
      child.send('stop');
      await exit;
    },
  };
}

module.exports = { followUps };
