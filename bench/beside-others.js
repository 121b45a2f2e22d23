'use strict';
// `npm run bench -- beside-others`: 100,000 requests from one command to outputs on disk, beside the Vercel AI SDK with a loop
// by hand and BatchWizard. Each is a process of its own against one simulator whose batch takes 3 s; installs the other two, in
// pinned versions, into a temporary folder. Needs npm's and pip's registries, Python 3 and Linux (memory is read from /proc).
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { median } = require('./measure');

const REQUESTS = Number(process.env.BENCH_REQUESTS ?? 100_000);
const RUNS = Number(process.env.BENCH_RUNS ?? 3);
const PROCESSING_MS = 3_000;
const CLI = join(__dirname, '..', 'dist', 'cli', 'main.js');
const SIMULATOR = join(__dirname, '..', 'dist', 'simulator');
const PEERS = { npm: ['ai@7.0.173', '@ai-sdk/anthropic@4.0.105'], pip: 'batchwizard==0.5.0' };
const CLOCK_TICKS = 100;

async function besideOthers() {
  const folder = mkdtempSync(join(tmpdir(), 'message-batches-bench-'));
  const simulator = await startSimulatorProcess(join(folder, 'api'));
  const home = join(folder, 'home');
  const env = { ...process.env, ANTHROPIC_API_KEY: 'bench', ANTHROPIC_BASE_URL: simulator.url, MESSAGE_BATCHES_HOME: home };
  try {
    const others = installOthers(folder);
    // Starts the Temporal server, and warms caches up.
    await ours(folder, env, 'warm-up', 1_000);
    const figures = { ours: [], 'Vercel AI SDK': [], BatchWizard: [] };
    for (let run = 1; run <= RUNS; run++) {
      figures.ours.push(await ours(folder, env, `run-${run}`, REQUESTS));
      figures['Vercel AI SDK'].push(await aiSdk(folder, env, others, `ai-${run}`));
      figures.BatchWizard.push(await batchWizard(folder, env, others, `wizard-${run}`));
    }
    for (const [name, runs] of Object.entries(figures)) tell(name, runs);
    console.log(`medians of ${RUNS}; ${REQUESTS} requests, a batch of ${PROCESSING_MS / 1000} s; whole processes from start to exit, each output counted`);
    console.log(`versions: ${[...PEERS.npm, PEERS.pip].join(', ')}`);
  } finally {
    await measured([process.execPath, CLI, 'stop'], env, folder);
    simulator.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Plans, sends, waits, stores and holds results against requests; the worker is in the command. */
async function ours(folder, env, name, count) {
  const input = writeRequests(folder, name, count, (id, prompt) => ({ custom_id: id, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: prompt }] } }));
  const before = temporalServer(env.MESSAGE_BATCHES_HOME);
  const figures = await measured([process.execPath, CLI, 'run', input, '--output', join(folder, `${name}.out`)], env, folder);
  const after = temporalServer(env.MESSAGE_BATCHES_HOME);
  mustHave(join(folder, `${name}.out`, 'results.jsonl'), count);
  return { ...figures, temporal: after && { cpuMs: after.cpuMs - (before?.cpuMs ?? 0), megabytes: after.megabytes } };
}

/** Its batch functions, and by hand what they leave to the caller: reading the input, polling, writing lines. */
async function aiSdk(folder, env, { npm }, name) {
  const input = writeRequests(folder, name, REQUESTS, (id, prompt) => ({ id, prompt }));
  const script = join(npm, 'loop.mjs');
  writeFileSync(script, AI_SDK_LOOP);
  const output = join(folder, `${name}.out.jsonl`);
  const figures = await measured([process.execPath, script, input, output], { ...env, ANTHROPIC_BASE_URL: `${env.ANTHROPIC_BASE_URL}/v1` }, folder);
  mustHave(output, REQUESTS);
  return figures;
}

const AI_SDK_LOOP = `
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { experimental_getBatchResults, experimental_getBatchStatus, experimental_startBatch } from 'ai';
import { createAnthropic } from '@ai-sdk/anthropic';
const [input, output] = process.argv.slice(2);
const provider = createAnthropic({ baseURL: process.env.ANTHROPIC_BASE_URL, apiKey: process.env.ANTHROPIC_API_KEY });
const requests = [];
for await (const line of createInterface({ input: createReadStream(input) })) {
  const { id, prompt } = JSON.parse(line);
  requests.push({ id, type: 'text', model: 'claude-sonnet-4-5', prompt, maxOutputTokens: 64 });
}
const batch = await experimental_startBatch({ provider, requests });
for (;;) {
  const { status } = await experimental_getBatchStatus({ provider, batch });
  if (status !== 'pending') break;
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
const file = createWriteStream(output);
for await (const result of experimental_getBatchResults({ provider, batch })) if (!file.write(JSON.stringify(result) + '\\n')) await once(file, 'drain');
file.end();
await once(file, 'close');
`;

async function batchWizard(folder, env, { python }, name) {
  const input = writeRequests(folder, name, REQUESTS, (id, prompt) => ({ custom_id: id, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: prompt }] } }));
  const output = join(folder, `${name}.out`);
  const args = ['process', input, '--provider', 'anthropic', '--check-interval', '1', '--output-directory', output];
  const figures = await measured([join(python, 'bin', 'batchwizard'), ...args], { ...env, XDG_CONFIG_HOME: join(folder, `${name}.config`), HOME: folder }, folder);
  mustHave(join(output, readdirSync(output, { recursive: true }).find((file) => String(file).endsWith('_results.jsonl'))), REQUESTS);
  return figures;
}

function installOthers(folder) {
  const npm = join(folder, 'npm');
  execFileSync('npm', ['install', '--prefix', npm, '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', ...PEERS.npm], { stdio: 'ignore' });
  const python = join(folder, 'python');
  execFileSync('python3', ['-m', 'venv', python], { stdio: 'ignore' });
  execFileSync(join(python, 'bin', 'pip'), ['install', '--quiet', PEERS.pip], { stdio: 'ignore' });
  return { npm, python };
}

/** In a process of its own: its memory and processor time are nobody else's. */
async function startSimulatorProcess(folder) {
  const script = `require(${JSON.stringify(SIMULATOR)}).startSimulator({ folder: ${JSON.stringify(folder)}, processingMs: ${PROCESSING_MS} }).then(({ url }) => console.log(url))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { child, url: url.trim() };
}

function writeRequests(folder, name, count, request) {
  const path = join(folder, `${name}.jsonl`);
  const lines = Array.from({ length: count }, (_, index) => JSON.stringify(request(`${name}-${index}`, `What is ${index} + ${index % 97}, and why? Explain it in ${index % 7} lines.`)));
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** Runs a command to its end. @returns wall time, its own peak memory, and the processor time of it and what it has waited for. */
async function measured([program, ...args], env, folder) {
  const log = join(folder, 'log.txt');
  const start = performance.now();
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const sink = createWriteStream(log);
  child.stdout.pipe(sink, { end: false });
  child.stderr.pipe(sink, { end: false });
  let megabytes = 0;
  let cpuMs = 0;
  const timer = setInterval(() => {
    megabytes = Math.max(megabytes, peakOf(child.pid));
    cpuMs = Math.max(cpuMs, cpuOf(child.pid));
  }, 20);
  const [code] = await once(child, 'exit');
  clearInterval(timer);
  sink.end();
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${readFileSync(log, 'utf8')}`);
  return { ms: performance.now() - start, megabytes, cpuMs };
}

function peakOf(pid) {
  return Number(/VmHWM:\s*(\d+)/.exec(readProc(pid, 'status'))?.[1] ?? 0) / 1024;
}

function cpuOf(pid) {
  const stat = readProc(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime, in ticks.
  return stat === '' ? 0 : ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
}

function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** What the embedded Temporal server has used so far. */
function temporalServer(home) {
  try {
    const { pid } = JSON.parse(readFileSync(join(home, 'run', 'server.json'), 'utf8'));
    return { cpuMs: cpuOf(pid), megabytes: peakOf(pid) };
  } catch {
    return undefined;
  }
}

function mustHave(path, count) {
  const lines = readFileSync(path).reduce((sum, byte) => sum + (byte === 0x0a ? 1 : 0), 0);
  if (lines !== count) throw new Error(`${path} has ${lines} results, not ${count}`);
}

function tell(name, runs) {
  const of = (key) => median(runs.map((run) => run[key]));
  console.log(`${name}: ${(of('ms') / 1000).toFixed(1)} s, ${of('megabytes').toFixed(0)} MB, ${(of('cpuMs') / 1000).toFixed(1)} s of processor time`);
  const server = runs.map((run) => run.temporal).filter(Boolean);
  if (server.length > 0) {
    console.log(`  beside it the Temporal server: ${(median(server.map(({ cpuMs }) => cpuMs)) / 1000).toFixed(1)} s of processor time, ${median(server.map(({ megabytes }) => megabytes)).toFixed(0)} MB`);
  }
}

module.exports = { besideOthers };
