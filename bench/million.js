'use strict';
// 1,000,000 requests from `run` to verified outputs, with a simulator that refuses beyond 300,000 queued requests. Where the time
// goes is read in the histories of the workflows.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createWriteStream, mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { pipeline } = require('node:stream/promises');
const { peakMegabytes } = require('./measure');
const { batchWorkflowId, jobWorkflowId } = require('../dist/contract');
const { startSimulator } = require('../dist/simulator');

/** Fewer for a quick look: MILLION_REQUESTS=100000. */
const REQUESTS = Number(process.env.MILLION_REQUESTS ?? 1_000_000);
const QUEUE_LIMIT = 300_000;
/** Longer ones fill the queue: MILLION_PROCESSING_MS=30000. */
const PROCESSING_MS = Number(process.env.MILLION_PROCESSING_MS ?? 3_000);
const CLI = join(__dirname, '..', 'dist', 'cli', 'main.js');

async function million() {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  const simulator = await startSimulator({ folder: join(folder, 'api'), processingMs: PROCESSING_MS, queueLimit: QUEUE_LIMIT });
  const env = { ...process.env, MESSAGE_BATCHES_HOME: join(folder, 'home'), ANTHROPIC_API_KEY: 'bench', ANTHROPIC_BASE_URL: simulator.url };
  try {
    // The server is running already.
    await messageBatches(['run', await writeInput(join(folder, 'first.jsonl'), 10)], env);
    const before = simulator.stats();
    const input = await writeInput(join(folder, 'requests.jsonl'), REQUESTS);
    const { stdout, ms, peak } = await messageBatches(['run', input, '--json'], env);
    const report = JSON.parse(stdout);
    const after = simulator.stats();
    const accepted = after.accepted.slice(before.accepted.length);
    const refused = after.calls.create - before.calls.create - accepted.length;
    const { history, phases } = await whatTemporalSaw(env, report);

    console.log(`${REQUESTS} requests in ${accepted.length} batches: ${(ms / 1000).toFixed(1)} s, command and worker at most ${peak.toFixed(0)} MB`);
    console.log(`  ${refused} creates refused, at most ${most(accepted)} requests a batch; ${history} events in the job's history`);
    for (const [name, text] of phases) console.log(`  ${name.padEnd(14)} ${text}`);
    console.log(`  the simulator, in this process: at most ${peakMegabytes().toFixed(0)} MB`);
    const sum = Object.values(report.outcomes).reduce((total, count) => total + count, 0);
    if (sum !== REQUESTS || report.outcomes.succeeded !== REQUESTS) throw new Error(`The outcomes are ${JSON.stringify(report.outcomes)}`);
  } finally {
    await messageBatches(['stop'], env);
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function most(batches) {
  return Math.max(...batches.map(({ requests }) => requests));
}

async function writeInput(path, requests) {
  const lines = function* () {
    for (let from = 0; from < requests; from += 1000) {
      const length = Math.min(1000, requests - from);
      yield Array.from({ length }, (_, index) => `${JSON.stringify(line(`${requests}-${from + index}`, from + index))}\n`).join('');
    }
  };
  await pipeline(lines, createWriteStream(path));
  return path;
}

function line(custom_id, index) {
  return { custom_id, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${index} + 1?` }] } };
}

async function messageBatches(args, env) {
  const start = performance.now();
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, peakMegabytes(child.pid))), 100);
  const [code] = await once(child, 'close');
  clearInterval(watch);
  if (code !== 0) throw new Error(`message-batches ${args.join(' ')} ended with ${code}:\n${output.stderr}`);
  return { ...output, ms: performance.now() - start, peak };
}

/** How long the job's history is, and when the activities began and ended. */
async function whatTemporalSaw(env, report) {
  const { Client, Connection } = require('@temporalio/client');
  const { address } = JSON.parse(readFileSync(join(env.MESSAGE_BATCHES_HOME, 'run', 'server.json'), 'utf8'));
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    const { events } = await workflow.getHandle(jobWorkflowId(report.job_id)).fetchHistory();
    const batches = await Promise.all(report.batches.map((_, index) => workflow.getHandle(batchWorkflowId(report.job_id, 1, index + 1)).fetchHistory()));
    const all = new Map();
    for (const history of [events, ...batches.map((batch) => batch.events)]) addActivities(all, history);
    const begun = msOf(events[0].eventTime);
    const phases = [...all].map(([name, { first, last, total, count }]) => {
      return [name, `${seconds(first - begun)} to ${seconds(last - begun)} after the start${count > 1 ? `; ${count} of ${seconds(total / count)} each` : ''}`];
    });
    return { history: events.length, phases };
  } finally {
    await connection.close();
  }
}

function addActivities(all, events) {
  const scheduled = new Map();
  const started = new Map();
  for (const event of events) {
    const { activityTaskScheduledEventAttributes: schedule, activityTaskStartedEventAttributes: start, activityTaskCompletedEventAttributes: end } = event;
    if (schedule) scheduled.set(String(event.eventId), schedule.activityType.name.replace('messageBatches.', ''));
    if (start) started.set(String(start.scheduledEventId), msOf(event.eventTime));
    if (!end) continue;
    const name = scheduled.get(String(end.scheduledEventId));
    const [from, to] = [started.get(String(end.scheduledEventId)), msOf(event.eventTime)];
    const { first = from, last = to, total = 0, count = 0 } = all.get(name) ?? {};
    all.set(name, { first: Math.min(first, from), last: Math.max(last, to), total: total + to - from, count: count + 1 });
  }
}

function msOf({ seconds: whole, nanos }) {
  return Number(whole) * 1000 + nanos / 1e6;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

if (require.main === module) void million();

module.exports = { million };
