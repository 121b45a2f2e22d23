/** `message-batches api create`: what may be sent, and what is said where nobody knows whether a batch was made. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { MessageBatch } from '../../src/api';
import type { Fault, Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { batch, closeServers, httpServer, json, rawServer, unusedPort } from '../api/support/servers';
import { CliWorld } from './support/cli-world';
import { LONG, rowsOfThisForm } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api') });
  api = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key-that-is-secret' };
});
afterAll(async () => {
  await world.close();
  await simulator.close();
});
beforeEach(() => {
  simulator.setOptions({ processingMs: 0 });
});
afterEach(async () => {
  simulator.clearFaults();
  await closeServers();
});

const accepted = () => simulator.stats().accepted.length;
const line = (id: string, more: Record<string, unknown> = {}) => JSON.stringify({ custom_id: id, params: { model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{ role: 'user', content: 'Häufig\u2028?' }], ...more } });
/** A server that takes any create, and keeps its body. */
const recorder = async () => httpServer((_, response) => json(response, 200, batch()));
/** Nothing of an input is left in the home. */
const copies = async () => (await readdir(world.home)).filter((name) => name.includes('create'));

test('JSONL: says what will be sent before it is, prints the batch, and how to go on', async () => {
  const { code, stdout, stderr } = await world.run(['api', 'create', await world.input('well', 20)], api);
  expect(code).toBe(0);
  const id = stdout.split('\n')[0]!;
  expect(stdout).toMatch(/^msgbatch_\w+\nstatus +ended\nrequests +20 succeeded\n/);
  expect(stderr).toMatch(new RegExp(`^Sending: 20 requests, [\\d.]+ kB, to ${simulator.url}\\nThe batch is outside of any job, .*\\nLook at it: +message-batches api retrieve ${id}\\nWhen ended: +message-batches api results ${id}\\n$`));
});

type Form = [form: string, name: string, content: string | Buffer, shown: string];
const forms: Form[] = [
  ['JSONL', 'a.jsonl', `${line('a')}\n\n${line('b')}\r\n`, '2 requests'],
  ['gzip', 'c.jsonl.gz', gzipSync(`${line('a')}\n${line('b')}\n`), '2 requests'],
  ['a whole body', 'd.json', `{"requests":[${line('a')},${line('b')}]}`, 'a whole body'],
];
const furtherForms: Form[] = [
  ['JSONL without a final newline, with a byte order mark', 'b.jsonl', `\uFEFF${line('a')}\n${line('b')}`, '2 requests'],
  ['a whole body, indented', 'e.json', JSON.stringify({ requests: [JSON.parse(line('a')), JSON.parse(line('b'))] }, undefined, 2), 'a whole body'],
  ['a whole body, gzip', 'f.json.gz', gzipSync(`{"requests":[${line('a')},${line('b')}]}`), 'a whole body'],
];

test.each(rowsOfThisForm(forms, furtherForms))('%s: from a file, and from standard input', async (_, name, content, shown) => {
  const server = await recorder();
  const env = { ...api, ANTHROPIC_BASE_URL: server.url };
  await writeFile(join(world.folder, name), content);
  expect(await world.run(['api', 'create', name], env)).toMatchObject({ code: 0, stderr: expect.stringContaining(`Sending: ${shown}, `) });
  const running = world.start(['api', 'create', '-', '--json'], env);
  running.child.stdin.end(content);
  const { code, stdout } = await running.ended();
  expect([code, JSON.parse(stdout)]).toEqual([0, batch()]);
  for (const { body, headers } of server.requests) {
    expect(JSON.parse(body.replace('\uFEFF', ''))).toEqual({ requests: [JSON.parse(line('a')), JSON.parse(line('b'))] });
    expect(headers['content-length']).toBe(String(Buffer.byteLength(body)));
  }
  expect(server.requests).toHaveLength(2);
  expect(await copies()).toEqual([]);
});

test('a named pipe', async () => {
  await promisify(execFile)('mkfifo', [join(world.folder, 'pipe')]);
  const running = world.start(['api', 'create', 'pipe', '--json'], api);
  await writeFile(join(world.folder, 'pipe'), `${line('piped')}\n`);
  expect(await running.ended()).toMatchObject({ code: 0, stdout: expect.stringContaining('"msgbatch_') });
});

test('--body-field beside the requests', async () => {
  const server = await recorder();
  await world.file('one.jsonl', line('a'));
  expect(await world.run(['api', 'create', 'one.jsonl', '--body-field', 'priority="low"'], { ...api, ANTHROPIC_BASE_URL: server.url })).toMatchObject({ code: 0 });
  expect(JSON.parse(server.requests[0]!.body)).toEqual({ requests: [JSON.parse(line('a'))], priority: 'low' });
  await world.file('body.json', `{"requests":[${line('a')}]}`);
  expect(await world.run(['api', 'create', 'body.json', '--body-field', 'priority="low"'], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: body\.json is a whole body, [\s\S]*Write the field into the body\.\n$/) });
});

test.each([
  ['a bad line', `${line('a')}\nnot json\n`, 'invalid_request', /line 2/],
  ['a duplicate', `${line('a')}\n${line('a')}\n`, 'invalid_request', /line 2[\s\S]*"a"/],
  ['a bad custom_id', line('a b'), 'invalid_request', /line 1/],
  ['nothing', '\n\n', 'invalid_request', /empty|no request|at least one/],
  ['metadata, which is for `run`', `${line('a')}\n{"custom_id":"b","metadata":{"row":1},"params":{}}\n`, 'has_metadata', /^Line 2 of bad\.jsonl has "metadata"/],
  ['too many requests', Array.from({ length: 100_001 }, (_, index) => `{"custom_id":"${index}","params":{}}`).join('\n'), 'too_large', /100001 requests/],
])('%s is refused before anything is sent', async (_, content, errorCode, message) => {
  const server = await rawServer((socket) => socket.destroy());
  const connections: unknown[] = [];
  server.sockets.add = (socket) => (connections.push(socket), server.sockets);
  await world.file('bad.jsonl', content);
  const { code, stdout } = await world.run(['api', 'create', 'bad.jsonl', '--json'], { ...api, ANTHROPIC_BASE_URL: server.url });
  expect([code, JSON.parse(stdout).error]).toEqual([1, { code: errorCode, message: expect.stringMatching(message), hint: expect.stringMatching(/^Nothing was sent\./) }]);
  expect(connections).toEqual([]);
});

test('metadata inside params is the API\'s own', async () => {
  await world.file('user.jsonl', line('a', { metadata: { user_id: 'u' } }));
  expect(await world.run(['api', 'create', 'user.jsonl'], api)).toMatchObject({ code: 0 });
});

test.each([
  ['missing.jsonl', undefined, /missing\.jsonl does not exist\./],
  ['folder', undefined, /folder is a folder, not a file\./],
  ['cut.jsonl.gz', gzipSync(line('a')).subarray(0, -12), /cut\.jsonl\.gz is not a whole gzip file: /],
])('%s cannot be read', async (name, content, message) => {
  if (content) await writeFile(join(world.folder, name), content);
  if (name === 'folder') await promisify(execFile)('mkdir', ['-p', join(world.folder, name)]);
  expect(await world.run(['api', 'create', name], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
  expect(await copies()).toEqual([]);
});

describe('the outcome', () => {
  const LOOK = /A batch may exist and be paid for\. Do not send it again before you have looked: message-batches api list\n.*request_counts.*created_at/;

  test('unknown, where the answer was lost: exit 4, sent once', async () => {
    const input = await world.input('lost');
    const before = accepted();
    simulator.addFault({ on: 'create', kind: 'lose-answer' });
    const { code, stdout } = await world.run(['api', 'create', input, '--json'], api);
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } };
    expect([code, error.code]).toEqual([4, 'outcome_unknown']);
    expect(error.hint).toMatch(LOOK);
    expect(accepted()).toBe(before + 1);
    // And it is found where the hint says.
    const { data } = JSON.parse((await world.run(['api', 'list', '--limit', '1', '--json'], api)).stdout) as { data: MessageBatch[] };
    expect(data[0]!.request_counts.succeeded).toBe(3);
  });

  type Unclear = [what: string, fault: Fault];
  const unclear: Unclear[] = [
    ['529', { on: 'create', kind: 'status', status: 529 }],
  ];
  const furtherUnclear: Unclear[] = [
    ['500', { on: 'create', kind: 'status', status: 500, when: 'afterAccept' }],
    ['a 200 with HTML', { on: 'create', kind: 'garbage', form: 'html', when: 'afterAccept' }],
  ];
  test.each(rowsOfThisForm(unclear, furtherUnclear))('unknown, after %s: exit 4, sent once', async (_, fault) => {
    const before = simulator.stats().calls.create;
    simulator.addFault(fault);
    expect(await world.run(['api', 'create', await world.input('unclear')], api)).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(LOOK) });
    expect(simulator.stats().calls.create).toBe(before + 1);
  });

  test('unknown, after the --timeout: exit 4', async () => {
    simulator.addFault({ on: 'create', kind: 'hold-answer' });
    expect(await world.run(['api', 'create', await world.input('late'), '--timeout', '3s'], api)).toMatchObject({ code: 4, stderr: expect.stringMatching(LOOK) });
  });

  test('known, where nothing was sent or the API refused: exit 1', async () => {
    const nowhere = { ...api, ANTHROPIC_BASE_URL: `http://127.0.0.1:${await unusedPort()}` };
    expect(await world.run(['api', 'create', await world.input('nowhere'), '--max-retries', '0'], nowhere)).toMatchObject({ code: 1, stderr: expect.stringMatching(/ECONNREFUSED[\s\S]*\nNothing was sent\. Look at ANTHROPIC_BASE_URL/) });
    simulator.addFault({ on: 'create', kind: 'status', status: 413, html: true });
    expect(await world.run(['api', 'create', 'nowhere.jsonl'], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/413[\s\S]*\nNo batch was made\. `message-batches run INPUT` cuts/) });
    simulator.addFault({ on: 'create', kind: 'status', status: 429 });
    expect(await world.run(['api', 'create', 'nowhere.jsonl'], api)).toMatchObject({ code: 0 });
  });

  test.each(rowsOfThisForm<NodeJS.Signals>(['SIGINT'], ['SIGTERM']))('unknown, at %s after the whole body was sent', async (signal) => {
    const before = accepted();
    const held = simulator.stats().calls.create;
    simulator.addFault({ on: 'create', kind: 'hold-answer' });
    const running = world.start(['api', 'create', await world.input('held'), '--json'], api);
    await Promise.race([simulator.waitFor('create-accepted', before + 1), running.ended()]);
    const { code, stdout } = await running.signal(signal);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
    expect([code, error.code]).toEqual([4, 'outcome_unknown']);
    expect(error.message).toMatch(/^Stopped after the whole body was sent, .* unknown\.$/);
    expect(error.hint).toMatch(LOOK);
    expect(simulator.stats().calls.create).toBe(held + 1);
  });

  if (LONG) test('unknown, at Ctrl-C after the whole of a file that had become shorter', async () => {
    const lines = Array.from({ length: 3 }, (_, index) => `${line(`short-${index}`)}\n`);
    const name = await world.file('shorter.jsonl', lines.join(''));
    // By the command itself: after it has counted the file, and before it reads it for the create.
    const shorter = Buffer.byteLength(lines.slice(0, -1).join(''));
    await world.file('truncates.js', `const { write } = process.stderr; process.stderr.write = function (text, ...more) { if (String(text).startsWith('Sending: ')) require('fs').truncateSync('${name}', ${shorter}); return write.call(this, text, ...more); };`);
    let taken: () => void = () => undefined;
    const whole = new Promise<void>((resolve) => (taken = resolve));
    const server = await httpServer(() => taken());
    const running = world.start(['api', 'create', name], { ...api, ANTHROPIC_BASE_URL: server.url, NODE_OPTIONS: '--require ./truncates.js' });
    await Promise.race([whole, running.ended()]);
    expect(await running.signal('SIGINT')).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(LOOK) });
    expect(JSON.parse(server.requests[0]!.body)).toMatchObject({ requests: { length: 2 } });
  });

  if (LONG) test('unknown, at Ctrl-C in the middle of an early success', async () => {
    await world.file('early.jsonl', Array.from({ length: 32 }, (_, index) => line(`early-${index}`, { system: 'x'.repeat(1_000_000) })).join('\n'));
    const server = await rawServer((socket) => void socket.once('data', () => (socket.pause(), socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id":'))));
    const running = world.start(['api', 'create', 'early.jsonl', '--verbose'], { ...api, ANTHROPIC_BASE_URL: server.url });
    await running.printed(/ 200 in /);
    expect(await running.signal('SIGINT')).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(LOOK) });
  });

  test.each(rowsOfThisForm([15], [0, 5, 10, 20, 30]))('a Ctrl-C %d ms after the answer: the id is told, or where to look', async (delay) => {
    const name = await world.input('answered', 1);
    let running: ReturnType<typeof world.start>;
    const server = await httpServer((_, response) => {
      json(response, 200, batch());
      setTimeout(() => running.child.kill('SIGINT'), delay);
    });
    running = world.start(['api', 'create', name], { ...api, ANTHROPIC_BASE_URL: server.url });
    const { stdout, stderr } = await running.ended();
    expect(stdout.startsWith(batch().id) || LOOK.test(stderr)).toBe(true);
  });

  test('known, at Ctrl-C while the body is being sent: no batch', async () => {
    // More than the buffers of a connection take.
    await world.file('large.jsonl', Array.from({ length: 32 }, (_, index) => line(`large-${index}`, { system: 'x'.repeat(1_000_000) })).join('\n'));
    let begun: () => void = () => undefined;
    const sending = new Promise<void>((resolve) => (begun = resolve));
    const server = await rawServer((socket) => void once(socket, 'data').then(() => (socket.pause(), begun())));
    const running = world.start(['api', 'create', 'large.jsonl'], { ...api, ANTHROPIC_BASE_URL: server.url });
    await Promise.race([sending, running.ended()]);
    expect(await running.signal('SIGINT')).toEqual({ code: 130, stdout: '', stderr: expect.stringMatching(/^Sending: 32 requests, .*\nStopped before the whole body was sent: no batch was made\.\nThe same command begins again\.\n$/) });
  });
});
