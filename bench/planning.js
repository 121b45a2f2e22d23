'use strict';
// Planning: this product's pass (every line checked, duplicates found, hashed, copied, synced) and its check without a copy, beside
// `readline` with `JSON.parse` of every line, and a plain copy. Every run is a process of its own.
const { spawnSync } = require('node:child_process');
const { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { pipeline } = require('node:stream/promises');
const { median, peakMegabytes } = require('./measure');

const RUNS = 5;
/** Fewer for a quick look: PLANNING_REQUESTS=100000. */
const REQUESTS = Number(process.env.PLANNING_REQUESTS ?? 1_000_000);
/** About so many bytes has a line. */
const LINE_BYTES = [300, 600];

/** Each gives how long it took, in ms, and what of that it saw. */
const WAYS = {
  'this product, plan': async (input, folder) => {
    const { planRoundOne } = require('../dist/jobs');
    return timed(async () => (await planRoundOne({ input, workFolder: join(folder, 'work') })).requests);
  },
  'this product, check': async (input) => {
    const { checkInput } = require('../dist/jobs');
    return timed(async () => (await checkInput(input)).requests);
  },
  'readline and JSON.parse': async (input) => {
    const { createInterface } = require('node:readline');
    return timed(async () => {
      let requests = 0;
      for await (const line of createInterface({ input: createReadStream(input) })) if (JSON.parse(line).custom_id) requests++;
      return requests;
    });
  },
  'copy by streams': async (input, folder) =>
    timed(async () => {
      await pipeline(createReadStream(input), createWriteStream(join(folder, 'copy.jsonl')));
      return REQUESTS;
    }),
};

async function timed(body) {
  const start = performance.now();
  const requests = await body();
  if (requests !== REQUESTS) throw new Error(`${requests} requests`);
  return performance.now() - start;
}

async function writeInput(path, lineBytes) {
  const empty = JSON.stringify({ custom_id: `request-${REQUESTS}`, params: paramsOf('') }).length;
  const text = 'Grade the answer of this student, and say why in one sentence. '.repeat(20).slice(0, Math.max(1, lineBytes - empty));
  const lines = function* () {
    for (let from = 0; from < REQUESTS; from += 1000) {
      const length = Math.min(1000, REQUESTS - from);
      yield Array.from({ length }, (_, index) => `${JSON.stringify({ custom_id: `request-${from + index}`, params: paramsOf(text) })}\n`).join('');
    }
  };
  await pipeline(lines, createWriteStream(path));
}

function paramsOf(content) {
  return { model: 'claude-sonnet-4-5', max_tokens: 1024, messages: [{ role: 'user', content }] };
}

async function planning() {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  try {
    for (const lineBytes of LINE_BYTES) {
      const input = join(folder, `input-${lineBytes}.jsonl`);
      await writeInput(input, lineBytes);
      const { size } = statSync(input);
      console.log(`${REQUESTS} requests of ${Math.round(size / REQUESTS)} bytes, ${(size / 1e6).toFixed(0)} MB`);
      compareWays(input, size);
      rmSync(input);
    }
    console.log(`  medians of ${RUNS} alternating runs, each in a fresh process; memory: the highest of them`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compareWays(input, size) {
  const ways = Object.keys(WAYS);
  const all = Object.fromEntries(ways.map((way) => [way, []]));
  for (let turn = 0; turn < RUNS; turn++) {
    for (const way of turn % 2 === 0 ? ways : [...ways].reverse()) all[way].push(measure(way, input));
  }
  const msOf = (way) => median(all[way].map(({ ms }) => ms));
  for (const way of ways) {
    const ms = msOf(way);
    const ratios = `${(ms / msOf('readline and JSON.parse')).toFixed(2)} of readline  ${(ms / msOf('copy by streams')).toFixed(2)} times the copy`;
    const peak = Math.max(...all[way].map((run) => run.peak)).toFixed(0);
    console.log(`  ${way.padEnd(24)}  ${ms.toFixed(0).padStart(6)} ms  ${(size / ms / 1000).toFixed(0).padStart(4)} MB/s  ${ratios}  peak memory ${peak} MB`);
  }
}

function measure(way, input) {
  const child = spawnSync(process.execPath, [__filename, 'way', way, input], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

async function measureOnce(way, input) {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  try {
    const ms = await WAYS[way](input, folder);
    console.log(JSON.stringify({ ms, peak: peakMegabytes() }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [mode, ...args] = require.main === module ? process.argv.slice(2) : ['required'];
if (mode === 'way') void measureOnce(args[0], args[1]);
else if (mode === undefined) void planning();

module.exports = { planning };
