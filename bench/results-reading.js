'use strict';
// Reading 100,000 results and one line of 16 MB: this client beside the official SDK. Every run is a process of its own, and so is the server.
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { createServer } = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');
const { constants, gzipSync } = require('node:zlib');
const { median, peakMegabytes } = require('./measure');

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

const SENTENCES = [
  'Use a queue instead of a cron job: the work then starts when there is some, and a restart in the middle loses nothing.',
  'The second step reads the rows that were written by the first, in the order of their ids, and marks each of them as done.',
  'That is the whole idea, but two details matter in practice, and both are easy to get wrong the first time.',
  'If the answer was "yes", go on with the next section; if not, look at the log first.',
  'Note that the limit holds for all keys of an organization together, and not for each of them.',
  'It is not enough to count the lines, since a line may also be there twice.',
];
/** A third of the answers have a few of these. */
const BEYOND_ASCII = ['Retries are cheap — duplicates are not.', 'It’s the café’s naïve résumé example.', '→ see the table below ✅', '日本語のテキスト', 'So: 2 × 3 ≤ 6 🌍'];
const CODE = '```js\nconst rows = await db.query("select id from outbox where sent = false");\nfor (const { id } of rows) {\n  await send(id);\n}\n```';

/** An answer in Markdown of about 2.2 KB. */
function answerText(random) {
  const blocks = [];
  const isBeyondAscii = random() < 1 / 3;
  for (let length = 0; length < 2_050; length += blocks.at(-1).length) {
    const paragraph = Array.from({ length: 3 }, () => SENTENCES[Math.floor(random() * SENTENCES.length)]);
    if (isBeyondAscii && random() < 0.4) paragraph.push(BEYOND_ASCII[Math.floor(random() * BEYOND_ASCII.length)]);
    blocks.push(random() < 0.12 ? CODE : paragraph.join(' '));
  }
  return blocks.join('\n\n');
}

/** A line as the API writes it. */
function resultLine(customId, text, tokens) {
  const message = {
    model: 'claude-sonnet-4-5-20250929',
    id: `msg_01${customId.padStart(22, 'A')}`,
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: tokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      output_tokens: Math.round(text.length / 4),
      service_tier: 'batch',
    },
  };
  return `${JSON.stringify({ custom_id: customId, result: { type: 'succeeded', message } })}\n`;
}

function manyLines() {
  let state = 1;
  const random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  return Buffer.concat(Array.from({ length: RESULTS }, (_, index) => Buffer.from(resultLine(`request-${index}`, answerText(random), 100 + (index % 900)))));
}

function serve() {
  const many = manyLines();
  const long = Buffer.from(resultLine('long', 'A sentence among very many others; nothing in it is "special".\n'.repeat(LONG_TEXT_BYTES / 64), 1));
  let gzip;
  const bodyOf = (id) => (id === 'long' ? long : id === 'many' ? many : (gzip ??= gzipSync(many, { level: constants.Z_BEST_SPEED })));
  const server = createServer((request, response) => {
    const id = /batches\/([^/]+)/.exec(request.url)?.[1];
    // The SDK asks for the batch first.
    if (!request.url.endsWith('/results')) {
      const results_url = `${url()}/v1/messages/batches/${id}/results`;
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id, type: 'message_batch', processing_status: 'ended', results_url }));
    }
    response.writeHead(200, { 'content-type': 'application/x-jsonl', ...(id === 'many-gzip' && { 'content-encoding': 'gzip' }) });
    send(bodyOf(id), response);
  });
  const url = () => `http://127.0.0.1:${server.address().port}`;
  server.listen(0, '127.0.0.1', () => process.send({ url: url(), bytes: many.length }));
  process.on('disconnect', () => process.exit());
}

function send(bytes, response, at = 0) {
  for (; at < bytes.length; at += 262_144) {
    if (!response.write(bytes.subarray(at, at + 262_144))) return response.once('drain', () => send(bytes, response, at + 262_144));
  }
  response.end();
}

const [mode, ...args] = require.main === module ? process.argv.slice(2) : ['required'];
if (mode === 'server') serve();
else if (mode === 'read') void read(...args);
else if (mode === undefined) void resultsReading();

module.exports = { resultsReading };
