'use strict';
// From `run` to outputs for 1,000 requests: with the Temporal server running, from a cold start, and the HTTP calls alone.
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { request } = require('undici');
const { median } = require('./measure');
const { startSimulator } = require('../dist/simulator');

const REQUESTS = 1_000;
const RUNS = 5;
const CLI = join(__dirname, '..', 'dist', 'cli', 'main.js');

async function runToOutputs() {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  const simulator = await startSimulator({ folder: join(folder, 'api'), processingMs: 0 });
  const env = { ...process.env, MESSAGE_BATCHES_HOME: join(folder, 'home'), ANTHROPIC_API_KEY: 'bench', ANTHROPIC_BASE_URL: simulator.url };
  const times = { calls: [], warm: [], cold: [] };
  try {
    for (let run = 0; run <= RUNS; run++) {
      const input = writeRequests(folder, run);
      await stop(env);
      const cold = await timed(() => messageBatches(['run', input], env));
      const warm = await timed(() => messageBatches(['run', writeRequests(folder, `${run}-warm`)], env));
      const calls = await timed(() => callsAlone(simulator.url, run));
      // The first of each warms caches up and does not count.
      if (run > 0) for (const [name, ms] of Object.entries({ cold, warm, calls })) times[name].push(ms);
    }
  } finally {
    await stop(env);
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const [calls, warm, cold] = ['calls', 'warm', 'cold'].map((name) => median(times[name]));
  console.log(`its HTTP calls alone (create, retrieve, results; plain undici): ${calls.toFixed(0)} ms`);
  console.log(`run to outputs, server already running: ${warm.toFixed(0)} ms, ${(warm / calls).toFixed(1)} times the calls`);
  console.log(`run to outputs, cold (no server running): ${cold.toFixed(0)} ms`);
  console.log(`medians of ${RUNS} runs after one to warm up; whole processes, from start to exit`);
}

async function callsAlone(url, run) {
  const headers = { 'x-api-key': 'bench', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
  const requests = Array.from({ length: REQUESTS }, (_, index) => line(`calls-${run}`, index));
  const created = await request(`${url}/v1/messages/batches`, { method: 'POST', headers, body: JSON.stringify({ requests }) });
  const { id } = await created.body.json();
  await (await request(`${url}/v1/messages/batches/${id}`, { headers })).body.json();
  await (await request(`${url}/v1/messages/batches/${id}/results`, { headers })).body.text();
}

function writeRequests(folder, name) {
  const path = join(folder, `requests-${name}.jsonl`);
  writeFileSync(path, Array.from({ length: REQUESTS }, (_, index) => `${JSON.stringify(line(`run-${name}`, index))}\n`).join(''));
  return path;
}

function line(prefix, index) {
  return { custom_id: `${prefix}-${index}`, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: `What is ${index} + 1?` }] } };
}

async function messageBatches(args, env) {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`message-batches ${args.join(' ')} ended with ${code}:\n${stderr}`);
}

async function stop(env) {
  spawnSync(process.execPath, [CLI, 'stop'], { env, stdio: 'ignore' });
}

async function timed(body) {
  const start = performance.now();
  await body();
  return performance.now() - start;
}

module.exports = { runToOutputs };
