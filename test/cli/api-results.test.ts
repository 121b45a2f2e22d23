/** `message-batches api results`: byte for byte to stdout, whole or told of to a file. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MessageBatch } from '../../src/api';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { apiError, closeServers, httpServer, json, streamingServer } from '../api/support/servers';
import { CliWorld } from './support/cli-world';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
let id: string;
/** All results of the batch. */
let whole: string;

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 0, erroredShare: 0.3 });
  api = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key' };
  const { stdout } = await world.run(['api', 'create', await world.input('results', 20), '--json'], api);
  ({ id } = JSON.parse(stdout) as MessageBatch);
  whole = (await world.run(['api', 'results', id], api)).stdout;
});
afterAll(async () => {
  await world.close();
  await simulator.close();
});
afterEach(async () => {
  simulator.clearFaults();
  simulator.setOptions({ supportsRange: false });
  await closeServers();
});

const read = (name: string) => readFile(join(world.folder, name), 'utf8');
const result = (customId: string) => `{"custom_id":"${customId}","result":{"type":"expired"}}`;

test('to stdout: byte for byte', async () => {
  expect(whole.trimEnd().split('\n').map((line) => JSON.parse(line).custom_id as string).sort()).toEqual(Array.from({ length: 20 }, (_, index) => `results-${index}`).sort());
  const bytes = Buffer.from(`\uFEFF${result('a')}\r\n\n  ${result('b')}\u2028 \n${result('c')}`);
  const server = await streamingServer((_, response) => response.end(bytes));
  const running = world.start(['api', 'results', id], { ...api, ANTHROPIC_BASE_URL: server.url });
  running.child.stdout.setEncoding('latin1');
  const { code, stdout, stderr } = await running.ended();
  expect([code, stderr]).toEqual([0, '']);
  expect(Buffer.from(stdout, 'latin1').equals(bytes)).toBe(true);
});

test('| head: ends well, and frees the connection', async () => {
  let closed: Promise<void> | undefined;
  const server = await streamingServer((request, response) => {
    closed = new Promise((resolve) => request.socket.on('close', resolve));
    const more = () => {
      while (!response.destroyed && response.write(`${result('x'.repeat(60))}\n`.repeat(1000)));
    };
    response.on('drain', more);
    more();
  });
  const running = world.start(['api', 'results', id], { ...api, ANTHROPIC_BASE_URL: server.url });
  await once(running.child.stdout, 'data');
  running.child.stdout.destroy();
  expect(await running.ended()).toMatchObject({ code: 0, stderr: '' });
  await closed;
});

test('to a file: whole, counted, and never over another one without --force', async () => {
  const first = await world.run(['api', 'results', id, '--output', 'all.jsonl'], api);
  expect(first).toEqual({ code: 0, stdout: '', stderr: expect.stringMatching(/^Wrote all\.jsonl: 20 results \(\d+ (succeeded|errored) · \d+ (succeeded|errored)\)\n$/) });
  expect(await read('all.jsonl')).toBe(whole);

  await world.file('all.jsonl', 'mine');
  expect(await world.run(['api', 'results', id, '-o', 'all.jsonl'], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: all\.jsonl is there already\.\nMove it away, .*--force\.\n$/) });
  expect(await read('all.jsonl')).toBe('mine');
  const { code, stdout } = await world.run(['api', 'results', id, '-o', 'all.jsonl', '--force', '--json'], api);
  expect(code).toBe(0);
  const { outcomes, ...facts } = JSON.parse(stdout) as { outcomes: Record<string, number> };
  expect(facts).toEqual({ output: join(world.folder, 'all.jsonl'), bytes: Buffer.byteLength(whole), results: 20, entity_tag: null });
  expect(outcomes['succeeded']! + outcomes['errored']!).toBe(20);
  expect(await read('all.jsonl')).toBe(whole);
  expect((await readdir(world.folder)).filter((name) => name.includes('all.jsonl'))).toEqual(['all.jsonl']);
});

test.each([
  ['nowhere/all.jsonl', /The folder nowhere does not exist\./],
  ['home', /home is a folder, not a file\./],
])('a file that cannot be: %s', async (output, message) => {
  const before = simulator.stats().calls.results;
  expect(await world.run(['api', 'results', id, '-o', output], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
  expect(simulator.stats().calls.results).toBe(before);
});

test('a body that is cut: what came is kept beside, and the command that is named fetches the rest', async () => {
  simulator.addFault({ on: 'results', kind: 'cut', afterLines: 7, contentLength: true });
  const cut = await world.run(['api', 'results', id, '-o', 'cut.jsonl', '--json'], api);
  const { error, end, entity_tag: tag } = JSON.parse(cut.stdout) as { error: { code: string; message: string; hint: string }; end: number; entity_tag: null };
  expect([cut.code, error.code, tag]).toEqual([1, 'results_cut', null]);
  expect(error.hint).toBe(`7 whole lines are kept in cut.jsonl.partial. Go on: message-batches api results ${id} --offset ${end} >> cut.jsonl.partial`);
  expect(existsSync(join(world.folder, 'cut.jsonl'))).toBe(false);
  const kept = await read('cut.jsonl.partial');
  expect([kept, end]).toEqual([whole.slice(0, kept.length), Buffer.byteLength(kept)]);

  for (const more of [[], ['--json']]) {
    const rest = await world.run(['api', 'results', id, '--offset', String(end), ...more], api);
    expect(kept + rest.stdout).toBe(whole);
  }
  // What was kept is not thrown away by trying again.
  expect(await world.run(['api', 'results', id, '-o', 'cut.jsonl'], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: cut\.jsonl\.partial is there from an earlier download\./) });
  expect(await world.run(['api', 'results', id, '-o', 'cut.jsonl', '--force'], api)).toMatchObject({ code: 0 });
  expect(existsSync(join(world.folder, 'cut.jsonl.partial'))).toBe(false);
});

if (LONG) test('what came earlier is replaced by --force only when something has come', async () => {
  await world.file('again.jsonl.partial', 'mine');
  const server = await httpServer((_, response) => json(response, 401, apiError('authentication_error', 'no')));
  expect(await world.run(['api', 'results', id, '-o', 'again.jsonl', '--force'], { ...api, ANTHROPIC_BASE_URL: server.url })).toMatchObject({ code: 4 });
  expect(await read('again.jsonl.partial')).toBe('mine');
});

test('a file that was made meanwhile is not replaced', async () => {
  let begin: (end: () => void) => void = () => undefined;
  const begun = new Promise<() => void>((resolve) => (begin = resolve));
  const server = await streamingServer((_, response) => {
    response.write(`${result('a')}\n`);
    begin(() => response.end());
  });
  const running = world.start(['api', 'results', id, '-o', 'meanwhile.jsonl'], { ...api, ANTHROPIC_BASE_URL: server.url });
  const end = await begun;
  await world.file('meanwhile.jsonl', 'mine');
  end();
  expect(await running.ended()).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: meanwhile\.jsonl is there already\./) });
  expect([await read('meanwhile.jsonl'), await read('meanwhile.jsonl.partial')]).toEqual(['mine', `${result('a')}\n`]);
});

if (LONG) test('a body that is cut, to stdout: text and JSON', async () => {
  const fault = { on: 'results', kind: 'cut', afterBytes: 1000, contentLength: true } as const;
  simulator.addFault(fault);
  const text = await world.run(['api', 'results', id], api);
  expect(text).toEqual({ code: 1, stdout: whole.slice(0, 1000), stderr: expect.stringMatching(new RegExp(`^Error: results ${id}: the answer was cut off after 1000 bytes .*\\n1000 bytes were printed before\\. Go on: message-batches api results ${id} --offset 1000 >> FILE\\n$`)) });

  simulator.addFault(fault);
  const { stdout } = await world.run(['api', 'results', id, '--json'], api);
  const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { custom_id?: string; error?: { code: string } });
  expect(lines.at(-1)!.error!.code).toBe('results_cut');
  expect(lines.slice(0, -1).every((line) => line.custom_id !== undefined)).toBe(true);
  expect(lines.length).toBeGreaterThan(1);
});

test('a line that is no result: a file is not called whole; its content is not shown', async () => {
  const server = await httpServer((_, response) => response.end(`${result('a')}\n{"secret":1}\n${result('b')}\n`));
  const { code, stderr } = await world.run(['api', 'results', id, '-o', 'odd.jsonl'], { ...api, ANTHROPIC_BASE_URL: server.url });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Error: .*line 2[\s\S]*1 whole line is kept in odd\.jsonl\.partial/);
  expect(stderr).not.toContain('secret');
  expect(await read('odd.jsonl.partial')).toBe(`${result('a')}\n`);
});

test('--if-range: the API goes on where it can; other results are not taken for the rest', async () => {
  simulator.setOptions({ supportsRange: true });
  simulator.addFault({ on: 'results', kind: 'cut', afterLines: 5, contentLength: true });
  const { stdout } = await world.run(['api', 'results', id, '-o', 'ranged.jsonl', '--json'], api);
  const { error, end, entity_tag: tag } = JSON.parse(stdout) as { error: { hint: string }; end: number; entity_tag: string };
  expect(error.hint).toContain(`--offset ${end} --if-range '${tag}' >> ranged.jsonl.partial`);
  const rest = await world.run(['api', 'results', id, '--offset', String(end), '--if-range', tag, '--verbose'], api);
  expect((await read('ranged.jsonl.partial')) + rest.stdout).toBe(whole);
  expect(rest.stderr).toMatch(/ 206 in /);
  expect(await world.run(['api', 'results', id, '--offset', String(end), '--if-range', tag, '-o', 'rest.jsonl'], api)).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Wrote rest\.jsonl: 15 results /) });
  expect(await read('rest.jsonl')).toBe(rest.stdout);
  const other = await world.run(['api', 'results', id, '--offset', String(end), '--if-range', '"other"'], api);
  expect(other).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/does not say that these are the results that --if-range names\.\nBegin again/) });
});

test('Ctrl-C: what came before is told', async () => {
  simulator.addFault({ on: 'results', kind: 'stall', afterLines: 3 });
  const running = world.start(['api', 'results', id], api);
  await running.printed(/(.*\n){3}/);
  const printed = Buffer.byteLength(running.stdout);
  expect(await running.signal('SIGINT')).toMatchObject({ code: 130, stderr: `Stopped.\n${printed} bytes were printed before. Go on: message-batches api results ${id} --offset ${printed} >> FILE\n` });
});

test('before the batch has ended: not found, and where to look', async () => {
  simulator.setOptions({ processingMs: 600_000 });
  const { stdout } = await world.run(['api', 'create', await world.input('unended'), '--json'], api);
  simulator.setOptions({ processingMs: 0 });
  const { id: open } = JSON.parse(stdout) as MessageBatch;
  expect(await world.run(['api', 'results', open, '-o', 'early.jsonl'], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(new RegExp(`^Error: results ${open}: 404 not_found_error: [\\s\\S]*message-batches api retrieve ${open}\\n$`)) });
  expect((await readdir(world.folder)).filter((name) => name.startsWith('early'))).toEqual([]);
});
