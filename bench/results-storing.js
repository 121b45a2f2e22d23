'use strict';
// Storing the results of a batch: this product's activities (segments, sync, ledger, usage) beside the official SDK's loop that writes
// lines, plain undici to a file, and curl. Every run is a process of its own, and so is the server.
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { createWriteStream, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { pipeline } = require('node:stream/promises');
const { median, peakMegabytes } = require('./measure');
const { resultLines } = require('./result-lines');
const { serveResults } = require('./results-server');

const RUNS = 7;
const RESULTS = 100_000;
const BATCHES = 10;
/** For the cost a line; the last one is that of all other runs. */
const NUMBERS = [10_000, 25_000, 50_000, RESULTS];

/** Each stores the results of a batch in a folder and gives how long that took, in ms. What is loaded and planned before does not count. */
const WAYS = {
  'official SDK, lines to a file': async (url, folder) => {
    const { Anthropic } = require('@anthropic-ai/sdk');
    const sdk = new Anthropic({ apiKey: 'bench', baseURL: url, maxRetries: 0 });
    return timed(async () => {
      const file = createWriteStream(join(folder, 'results.jsonl'));
      for await (const result of await sdk.messages.batches.results(`many-${RESULTS}`)) {
        if (!file.write(`${JSON.stringify(result)}\n`)) await once(file, 'drain');
      }
      file.end();
      await once(file, 'finish');
    });
  },
  'this product': async (url, folder) => storeBatches(url, folder, RESULTS, 1),
  'plain undici to a file': async (url, folder) => {
    const { request } = require('undici');
    return timed(async () => {
      const { body } = await request(`${url}/v1/messages/batches/many-${RESULTS}/results`);
      await pipeline(body, createWriteStream(join(folder, 'results.jsonl')));
    });
  },
  'curl -o': async (url, folder) =>
    timed(async () => {
      const { status } = spawnSync('curl', ['-sS', '-o', join(folder, 'results.jsonl'), `${url}/v1/messages/batches/many-${RESULTS}/results`], { stdio: 'inherit' });
      if (status !== 0) throw new Error('curl failed');
    }),
};

/** Stores the results of so many requests for each of some jobs, one after another or side by side. The jobs are planned before, by another process. */
async function storeBatches(url, folder, results, batches, sideBySide = false) {
  measure('plan', url, folder, String(results), String(batches));
  const run = await activities(url, folder);
  const store = async (ref) => {
    const batchId = `many-${results}`;
    const stored = await run('storeResults', ref, batchId, results);
    const { outcomes, usage } = await run('closeLedger', ref, batchId, results, false, stored);
    if (outcomes.succeeded !== results || usage.output_tokens === 0) throw new Error(`not what was sent: ${JSON.stringify(outcomes)}`);
  };
  return timed(async () => {
    if (sideBySide) await Promise.all(partsOf(folder, batches).map(store));
    else for (const ref of partsOf(folder, batches)) await store(ref);
  });
}

async function planBatches(url, folder, results, batches) {
  const run = await activities(url, folder);
  const input = join(folder, 'requests.jsonl');
  writeRequests(input, results);
  for (const { jobId, output } of partsOf(folder, batches)) await run('planJob', { jobId, requests: input, output, simulated: true, betas: [] });
}

function partsOf(folder, batches) {
  return Array.from({ length: batches }, (_, index) => ({ jobId: `job-${index}`, round: 1, part: 1, output: join(folder, `output-${index}`) }));
}

/** @returns a function that runs an activity by its name. */
async function activities(url, folder) {
  const { createActivities } = require('../dist/activities');
  const { MessageBatchesApi } = require('../dist/api');
  const { openStorageRoot } = require('../dist/storage');
  const { MockActivityEnvironment } = require('@temporalio/testing');
  const { DefaultLogger } = require('@temporalio/worker');
  const api = new MessageBatchesApi({ baseUrl: url, credential: { kind: 'x-api-key', token: 'bench' }, maxRetries: 0 });
  const all = createActivities({ api, account: { label: 'bench', baseUrl: url }, storage: await openStorageRoot(join(folder, 'storage')) });
  return (name, ...args) => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(all[`messageBatches.${name}`], ...args);
}

function writeRequests(path, count) {
  const params = { model: 'claude-sonnet-4-5', max_tokens: 1024, messages: [{ role: 'user', content: 'Why not a cron job?' }] };
  writeFileSync(path, Array.from({ length: count }, (_, index) => `${JSON.stringify({ custom_id: `request-${index}`, params })}\n`).join(''));
}

async function timed(body) {
  const start = performance.now();
  await body();
  return performance.now() - start;
}

async function resultsStoring() {
  const server = fork(__filename, ['server']);
  try {
    const [{ url, bytes }] = await once(server, 'message');
    console.log(`${RESULTS} results, ${(bytes / 1e6).toFixed(0)} MB`);
    compareWays(url);
    console.log('cost a line, by the number of results');
    for (const results of NUMBERS) {
      const runs = Array.from({ length: RUNS }, () => measure('batches', url, String(results), '1', 'no'));
      console.log(`  ${String(results).padStart(7)}  ${((median(runs.map(({ ms }) => ms)) / results) * 1000).toFixed(2)} µs  peak memory ${highest(runs)} MB`);
    }
    for (const [what, how] of [['one after another', 'no'], ['side by side', 'yes']]) {
      const { ms, peak } = measure('batches', url, String(RESULTS), String(BATCHES), how);
      console.log(`${BATCHES} batches of ${RESULTS}, ${what}: ${(ms / 1000).toFixed(1)} s, peak memory ${peak.toFixed(0)} MB (one run)`);
    }
  } finally {
    server.disconnect();
  }
}

function compareWays(url) {
  const ways = Object.keys(WAYS);
  const all = Object.fromEntries(ways.map((way) => [way, []]));
  for (let turn = 0; turn < RUNS; turn++) {
    // Every other time the other way round, so that none always comes after the same one.
    for (const way of turn % 2 === 0 ? ways : [...ways].reverse()) all[way].push(measure('way', url, way));
  }
  const msOf = (way) => median(all[way].map(({ ms }) => ms));
  for (const way of ways) {
    const ratios = `${(msOf(way) / msOf('official SDK, lines to a file')).toFixed(3)} of the SDK's loop  ${(msOf(way) / msOf('plain undici to a file')).toFixed(2)} times undici`;
    console.log(`  ${way.padEnd(30)}  ${msOf(way).toFixed(0).padStart(6)} ms  ${ratios}  peak memory ${way === 'curl -o' ? '-' : highest(all[way])} MB`);
  }
  console.log(`  medians of ${RUNS} alternating runs, each in a fresh process, from the call to the closed file or ledger; memory: the highest of them`);
}

function highest(runs) {
  return Math.max(...runs.map(({ peak }) => peak)).toFixed(0);
}

function measure(...args) {
  const child = spawnSync(process.execPath, [__filename, ...args], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

function serve() {
  const bodies = Object.fromEntries(NUMBERS.map((count) => [`many-${count}`, resultLines(count)]));
  serveResults(bodies, { bytes: bodies[`many-${RESULTS}`].length });
}

async function measureOnce(store) {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  try {
    const ms = await store(folder);
    console.log(JSON.stringify({ ms, peak: peakMegabytes() }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit();
}

const [mode, ...args] = require.main === module ? process.argv.slice(2) : ['required'];
if (mode === 'server') serve();
else if (mode === 'way') void measureOnce((folder) => WAYS[args[1]](args[0], folder));
else if (mode === 'plan') void planBatches(args[0], args[1], Number(args[2]), Number(args[3])).then(() => process.exit(console.log('{}')));
else if (mode === 'batches') void measureOnce((folder) => storeBatches(args[0], folder, Number(args[1]), Number(args[2]), args[3] === 'yes'));
else if (mode === undefined) void resultsStoring();

module.exports = { resultsStoring };
