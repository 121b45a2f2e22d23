'use strict';
// Reading 100,000 results and one line of 16 MB: this client beside the official SDK. Every run is a process of its own, and so is the server.
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { median, peakMegabytes } = require('./measure');
const { resultLine, resultLines } = require('./result-lines');
const { serveResults } = require('./results-server');

const RESULTS = 100_000;
const RUNS = 7;
/** It takes the SDK some ten seconds. */
const LONG_LINE_RUNS = 3;
const LONG_TEXT_BYTES = 16 * 1024 * 1024;

/** What a reader does with each result, besides reading it. */
const PACES = {
  fast: () => undefined,
  'waits now and then': (count) => (count % 5_000 === 0 ? sleep(50) : undefined),
  'always slow': (count) => (count % 100 === 0 ? sleep(2) : undefined),
};

/** Each reads all results of a batch and gives how many there were. Clients are loaded, but not connected, before the clock starts. */
const WAYS = {
  'official SDK, parsed': (url) => {
    const { Anthropic } = require('@anthropic-ai/sdk');
    const sdk = new Anthropic({ apiKey: 'bench', baseURL: url, maxRetries: 0 });
    return async (id, pace) => countEach(await sdk.messages.batches.results(id), pace, ({ custom_id, result }) => [custom_id, result.type]);
  },
  'this client, parsed': (url) => {
    const api = client(url);
    return async (id, pace) => countEach(await api.results(id), pace, ({ custom_id, result }) => [custom_id, result.type]);
  },
  'this client, lines': (url) => {
    const api = client(url);
    return async (id, pace) => countEach((await api.results(id)).lines(), pace, ({ customId, outcome, bytes }) => [customId, bytes.length > 0 && outcome]);
  },
  'this client, bytes': (url) => {
    const api = client(url);
    return async (id, pace) => {
      let count = 0;
      for await (const chunk of (await api.results(id)).body) {
        for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) {
          const wait = pace(++count);
          if (wait) await wait;
        }
      }
      return count;
    };
  },
};

function client(url) {
  const { MessageBatchesApi } = require('../dist/api');
  return new MessageBatchesApi({ baseUrl: url, credential: { kind: 'x-api-key', token: 'bench' }, maxRetries: 0 });
}

async function countEach(results, pace, about) {
  let count = 0;
  for await (const result of results) {
    const [id, outcome] = about(result);
    if (id === '' || outcome !== 'succeeded') throw new Error(`not what was sent: ${id} ${outcome}`);
    const wait = pace(++count);
    if (wait) await wait;
  }
  return count;
}

async function resultsReading() {
  const server = fork(__filename, ['server']);
  try {
    const [{ url, bytes }] = await once(server, 'message');
    console.log(`${RESULTS} results, ${(bytes / 1e6).toFixed(0)} MB`);
    compare(url, 'many', Object.keys(WAYS), RUNS);
    console.log(`one line of ${LONG_TEXT_BYTES / 1024 / 1024} MB`);
    compare(url, 'long', Object.keys(WAYS).slice(0, 3), LONG_LINE_RUNS);
    console.log(`peak memory with ${RESULTS} results, MB: ${Object.keys(PACES).join(' · ')}`);
    for (const id of ['many', 'many-gzip']) {
      for (const way of Object.keys(WAYS)) console.log(`  ${way.padEnd(20)} ${id === 'many' ? '      ' : ', gzip'}  ${Object.keys(PACES).map((pace) => run(way, url, id, pace).peak.toFixed(0)).join(' · ')}`);
    }
  } finally {
    server.disconnect();
  }
}

/** Times of all ways, by turns, beside those of the first. */
function compare(url, id, ways, runs) {
  const all = Object.fromEntries(ways.map((way) => [way, []]));
  for (let turn = 0; turn < runs; turn++) {
    // Every other time the other way round, so that none always comes after the same one.
    for (const way of turn % 2 === 0 ? ways : [...ways].reverse()) all[way].push(run(way, url, id, 'fast'));
  }
  const reference = median(all[ways[0]].map(({ ms }) => ms));
  for (const way of ways) {
    const ms = median(all[way].map((one) => one.ms));
    const peak = Math.max(...all[way].map((one) => one.peak));
    console.log(`  ${way.padEnd(20)}  ${ms.toFixed(0).padStart(6)} ms  ${(ms / reference).toFixed(3)} of the SDK  peak memory ${peak.toFixed(0)} MB`);
  }
  console.log(`  medians of ${runs} alternating runs, each in a fresh process, from the call to the last result; memory: the highest of them`);
}

function run(way, url, id, pace) {
  const child = spawnSync(process.execPath, [__filename, 'read', way, url, id, pace], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

async function read(way, url, id, pace) {
  const readAll = WAYS[way](url);
  const start = performance.now();
  const count = await readAll(id, PACES[pace]);
  const ms = performance.now() - start;
  const expected = id === 'long' ? 1 : RESULTS;
  if (count !== expected) throw new Error(`${way}: ${count} results instead of ${expected}`);
  console.log(JSON.stringify({ ms, peak: peakMegabytes() }));
  process.exit();
}

function serve() {
  const many = resultLines(RESULTS);
  const long = Buffer.from(resultLine('long', 'A sentence among very many others; nothing in it is "special".\n'.repeat(LONG_TEXT_BYTES / 64), 1));
  serveResults({ many, long }, { bytes: many.length });
}

const [mode, ...args] = require.main === module ? process.argv.slice(2) : ['required'];
if (mode === 'server') serve();
else if (mode === 'read') void read(...args);
else if (mode === undefined) void resultsReading();

module.exports = { resultsReading };
