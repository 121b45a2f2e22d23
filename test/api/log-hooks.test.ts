import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { InternalServerError, LOG_LEVELS, logHooks, MessageBatchesApi, type ApiOptions, type LogLevel } from '../../src/api';
import { apiError, batch, closeServers, expectRejection, httpServer, json } from './support/servers';

const KEY = 'sk-ant-hush-0123456789';

afterEach(closeServers);

/** What is logged of a call that needs two attempts, one that fails, and one that is aborted. */
async function logged(level: LogLevel, more: ApiOptions = {}): Promise<string[]> {
  const server = await httpServer(({ url }, response) => {
    if (url.endsWith('/bad')) json(response, 500, apiError('api_error', 'you said hush'));
    else if (server.requests.length === 1) json(response, 529, apiError('overloaded_error\nand more', 'you said hush'), { 'x-should-retry': 'true' });
    else json(response, 200, batch());
  });
  const lines: string[] = [];
  const api = new MessageBatchesApi({ baseUrl: server.url, credential: { kind: 'bearer', token: KEY }, hooks: logHooks(level, (line) => lines.push(line)), ...more });
  await api.retrieve('msgbatch_1', { maxRetries: 1 });
  await expectRejection(api.retrieve('bad', { maxRetries: 0 }), InternalServerError);
  await api.retrieve('x', { signal: AbortSignal.abort(new Error('hush, a reason')) }).catch(() => undefined);
  await api.close();
  expect(lines.join()).not.toMatch(/hush|[\n\r]/);
  return lines;
}

const ERROR = [
  // What the API says may repeat some of the request.
  /^retrieve bad: 500 api_error \(req_test\)\. Ended after \d+ ms\.$/,
  /^retrieve x: stopped by the caller \(Error\)\. Ended after \d+ ms\.$/,
];
const WARN = [/^retrieve msgbatch_1: 529 overloaded_error and more \(req_test\)\. That was attempt 1; the next one is made in \d+ ms\.$/, ...ERROR];
const INFO = [
  /^retrieve msgbatch_1 529 in \d+ ms \(req_test\)$/,
  WARN[0]!,
  /^retrieve msgbatch_1 200 in \d+ ms \(req_test\)$/,
  /^retrieve bad 500 in \d+ ms \(req_test\)$/,
  ...ERROR,
];

test.each<[LogLevel, RegExp[]]>([
  ['off', []],
  ['error', ERROR],
  ['warn', WARN],
  ['info', INFO],
])('%s', async (level, expected) => {
  expect(await logged(level)).toEqual(expected.map((line) => expect.stringMatching(line)));
});

test('debug: also requests and headers, and how much was read', async () => {
  const lines = await logged('debug');
  expect(lines[0]).toMatch(/^retrieve msgbatch_1 attempt 1: GET http:\/\/127\.0\.0\.1:\d+\/v1\/messages\/batches\/msgbatch_1 \{.*"authorization":"\[redacted\]".*\}$/);
  expect(lines[1]).toMatch(/^retrieve msgbatch_1 529 in \d+ ms \(req_test\): \{.*"content-type":"application\/json".*\}$/);
  expect(lines.find((line) => line.includes('ended'))).toMatch(/^retrieve msgbatch_1 ended: \d+ bytes read, \d+ ms in all$/);
});

test('each level writes what the next one does, and more', async () => {
  const counts = [];
  for (const level of LOG_LEVELS) counts.push((await logged(level)).length);
  expect(counts).toEqual([...counts].sort((one, other) => other - one));
  expect(new Set(counts).size).toBe(LOG_LEVELS.length);
});

test('without a function of the caller, lines go to stderr', () => {
  const script = `require('./src/api/log-hooks.ts').logHooks('info').onResponse({ call: 'list', status: 200, durationMs: 1.4 })`;
  const root = join(__dirname, '../..');
  const { stdout, stderr } = spawnSync(process.execPath, ['-r', join(root, 'test/support/typescript-hook.js'), '-e', script], { cwd: root, encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['', 'list 200 in 1 ms\n']);
});

test('a log that nobody reads any longer ends nothing', async () => {
  const script = `
    process.stdin.once('data', () => {
      const hooks = require('./src/api/log-hooks.ts').logHooks('info');
      for (let line = 0; line < 3; line++) hooks.onResponse({ call: 'list', status: 200, durationMs: 1 });
      setTimeout(() => process.stdout.write('still here', () => process.exit()), 50);
    });
  `;
  const root = join(__dirname, '../..');
  const child = spawn(process.execPath, ['-r', join(root, 'test/support/typescript-hook.js'), '-e', script], { cwd: root });
  child.stderr.destroy();
  await once(child.stderr, 'close');
  child.stdin.write('go\n');
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  expect([await once(child, 'close'), said]).toEqual([[0, null], 'still here']);
});
