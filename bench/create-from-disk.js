'use strict';
// Create of 100,000 requests that lie on disk, beside sending the same bytes by plain undici, and beside the official SDK, which needs them in memory.
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } = require('node:fs');
const { createServer } = require('node:http');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { request } = require('undici');
const { median, peakMegabytes } = require('./measure');
const { jsonlFile, MessageBatchesApi } = require('../dist/api');

const REQUESTS = 100_000;
const BYTES_A_LINE = [500, 2_559];
const RUNS = 11;
const SDK_RUNS = 3;
const CHUNK_BYTES = 256 * 1024;

/** Each sends the requests of a file once, over and over in one process, or once in a process of its own. */
const WAYS = {
  'plain undici': async (url, { body }) => {
    const headers = { 'x-api-key': 'bench', 'content-type': 'application/json', 'content-length': String(statSync(body).size) };
    const answer = await request(`${url}/v1/messages/batches`, { method: 'POST', headers, body: createReadStream(body, { highWaterMark: CHUNK_BYTES }) });
    await answer.body.json();
  },
  'this client': async (url, { jsonl }) => {
    await client(url).create(await jsonlFile(jsonl));
  },
  'official SDK': async (url, files) => {
    files.requests ??= readFileSync(files.jsonl, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    files.sdk ??= new (require('@anthropic-ai/sdk').Anthropic)({ apiKey: 'bench', baseURL: url, maxRetries: 0 });
    await files.sdk.messages.batches.create({ requests: files.requests });
  },
};

function client(url) {
  return new MessageBatchesApi({ baseUrl: url, credential: { kind: 'x-api-key', token: 'bench' }, maxRetries: 0 });
}

async function createFromDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  const server = fork(__filename, ['server']);
  try {
    const [url] = await once(server, 'message');
    for (const lineBytes of BYTES_A_LINE) {
      const files = await writeRequests(folder, lineBytes);
      console.log(`${REQUESTS} requests, ${(statSync(files.body).size / 1e6).toFixed(0)} MB`);
      await measure(url, files);
    }
  } finally {
    server.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(url, files) {
  const times = { 'plain undici': [], 'this client': [], 'official SDK': [] };
  for (let run = 0; run <= RUNS; run++) {
    for (const way of ['plain undici', 'this client']) await time(way, run);
  }
  // Last: its requests in memory would slow the others down.
  for (let run = 0; run <= SDK_RUNS; run++) await time('official SDK', run);
  const plain = median(times['plain undici']);
  for (const [way, all] of Object.entries(times)) {
    console.log(`  ${way.padEnd(12)}  ${median(all).toFixed(0).padStart(5)} ms  ${(median(all) / plain).toFixed(2).padStart(5)} of plain undici  peak memory ${peakMemory(way, url, files)} MB`);
  }
  console.log(`  medians of ${RUNS} alternating runs (SDK: ${SDK_RUNS}, requests already in memory) after one to warm up; memory: of a process that sends once`);

  async function time(way, run) {
    const start = performance.now();
    await WAYS[way](url, files);
    // The first of each warms caches up and does not count.
    if (run > 0) times[way].push(performance.now() - start);
  }
}

function peakMemory(way, url, { jsonl, body }) {
  const child = spawnSync(process.execPath, [__filename, 'once', way, url, jsonl, body], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return child.stdout.trim();
}

/** The same requests as JSONL and as a whole body. */
async function writeRequests(folder, lineBytes) {
  const files = { jsonl: join(folder, `${lineBytes}.jsonl`), body: join(folder, `${lineBytes}.json`) };
  const [jsonl, body] = [createWriteStream(files.jsonl), createWriteStream(files.body)];
  body.write('{"requests":[');
  for (let from = 0; from < REQUESTS; from += 1_000) {
    const lines = Array.from({ length: 1_000 }, (_, index) => line(from + index, lineBytes - 1));
    jsonl.write(`${lines.join('\n')}\n`);
    if (!body.write(`${from === 0 ? '' : ','}${lines.join(',')}`)) await once(body, 'drain');
  }
  await Promise.all([new Promise((resolve) => jsonl.end(resolve)), new Promise((resolve) => body.end(']}', resolve))]);
  return files;
}

function line(index, bytes) {
  const of = (content) => JSON.stringify({ custom_id: `request-${index}`, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content }] } });
  return of('x'.repeat(bytes - of('').length));
}

/** Counts and discards; answers as a create does. */
function serve() {
  const server = createServer((incoming, response) => {
    let bytes = 0;
    incoming.on('data', (chunk) => (bytes += chunk.length));
    incoming.on('end', () => {
      if (bytes !== Number(incoming.headers['content-length'])) throw new Error('The body is not whole.');
      const counts = { processing: REQUESTS, succeeded: 0, errored: 0, canceled: 0, expired: 0 };
      const now = new Date().toISOString();
      const batch = {
        id: 'msgbatch_bench', type: 'message_batch', processing_status: 'in_progress', request_counts: counts, created_at: now, expires_at: now,
        ended_at: null, archived_at: null, cancel_initiated_at: null, results_url: null,
      };
      response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_bench' }).end(JSON.stringify(batch));
    });
  });
  server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`));
  process.on('disconnect', () => process.exit());
}

async function sendOnce([way, url, jsonl, body]) {
  await WAYS[way](url, { jsonl, body });
  console.log(peakMegabytes().toFixed(0));
  process.exit();
}

const [mode, ...args] = require.main === module ? process.argv.slice(2) : ['required'];
if (mode === 'server') serve();
else if (mode === 'once') void sendOnce(args);
else if (mode === undefined) void createFromDisk();

module.exports = { createFromDisk };
