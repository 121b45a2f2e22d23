import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { productVersion, runningBackground, startBackground, stopBackground } from '../../src/local';
import { isRunning, listProcesses } from '../../src/local/processes';
import type { TestHome } from './support';
import { Child, nodeArguments, testHome } from './support';

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(() => home.remove());

const entry = nodeArguments('background-child.ts');
const startOne = (...argv: string[]) => startBackground(home, 'sleeper', argv, home.env, { entry });
const log = () => readFile(join(home.logs, 'sleeper.log'), 'utf8');
const children = async () => (await listProcesses()).filter(({ commandLine }) => commandLine.includes('background-child.ts') && commandLine.includes(home.folder));

test('is ready, on record, and goes on by itself', async () => {
  const started = await startBackground(home, 'sleeper', ['100'], { ...home.env, SECRET_FOR_TEST: 'not-a-real-key' }, { entry });
  expect(started).toMatchObject({ name: 'sleeper', argv: ['100'], version: productVersion(), info: { answer: 42 } });
  expect(Math.abs(Date.now() - started.startedAt.getTime())).toBeLessThan(60_000);
  expect(await runningBackground(home)).toEqual([started]);
  while (!(await log()).includes('goes on')) await delay(10);
  expect(await log()).toBe('begins with its key\ngoes on\n');
  expect((await stat(join(home.logs, 'sleeper.log'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(home.run, 'sleeper.json'), 'utf8')).not.toContain('not-a-real-key');
  expect(await isRunning(started)).toBe(true);
});

test('survives the command that started it', async () => {
  const starter = new Child('background-starter.ts', [], home.env);
  expect(await starter.ended).toBe(0);
  const [running] = await runningBackground(home);
  expect(running?.pid).toBe(Number(starter.stdout));
});

test('is one of its name, whoever starts it at the same time', async () => {
  const starters = Array.from({ length: 5 }, () => new Child('background-starter.ts', ['200'], home.env));
  expect(await Promise.all(starters.map((starter) => starter.ended))).toEqual([0, 0, 0, 0, 0]);
  expect(new Set(starters.map(({ stdout }) => stdout)).size).toBe(1);
  // It says so after it has let the starters go.
  while (!(await log()).includes('goes on')) await delay(10);
  expect((await log()).match(/goes on/g)).toHaveLength(1);
});

test('that fails before it is ready is told with the end of its log', async () => {
  await writeFile(join(home.logs, 'sleeper.log'), 'of an earlier one\n');
  const error = (await startOne('0', 'fail').catch((error: unknown) => error)) as Error;
  expect(error).toMatchObject({ code: 'background_start_failed', hint: expect.stringContaining(join(home.logs, 'sleeper.log')) });
  expect(error.message).toBe('The background process sleeper did not start: it ended with exit code 1.\n  begins with no key\n  could not be ready');
  expect(await runningBackground(home)).toEqual([]);
});

test('that is not ready in time is ended', async () => {
  const attempt = startBackground(home, 'sleeper', ['60000'], home.env, { entry, readyTimeoutMs: 1_000 });
  await expect(attempt).rejects.toMatchObject({ code: 'background_start_failed', message: expect.stringContaining('it was not ready in time') });
  expect(await runningBackground(home)).toEqual([]);
});

test('ends itself where its starter was killed before it was on record', async () => {
  const starter = new Child('background-starter.ts', ['5000'], home.env);
  while (!(await log().catch(() => '')).includes('begins')) await delay(10);
  starter.process.kill('SIGKILL');
  while (!(await log()).includes('has ended before it was ready')) await delay(10);
  expect(await log()).not.toContain('goes on');
  expect(await runningBackground(home)).toEqual([]);
  // And nothing of it is in the way of the next.
  expect(await runningBackground(home)).toEqual([]);
  expect((await startOne()).name).toBe('sleeper');
});

test('ends itself where its starter died between hearing that it is ready and putting it on record', async () => {
  const child = spawn(process.execPath, entry, { env: home.env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const ended = once(child, 'exit');
  expect(await once(child, 'message')).toEqual([{ ready: true, answer: 42 }, undefined]);
  child.disconnect();
  expect(await ended).toEqual([1, null]);
});

test('is stopped, by force where it does not listen', async () => {
  const polite = await startOne();
  expect(await stopBackground(home, 'sleeper')).toBe(true);
  expect(await isRunning(polite)).toBe(false);
  expect(await stopBackground(home, 'sleeper')).toBe(false);
  const deaf = await startOne('0', 'deaf');
  expect(await stopBackground(home, 'sleeper', 5_000)).toBe(true);
  expect(await isRunning(deaf)).toBe(false);
  expect(await log()).toContain('heard');
  expect(await readdir(home.run)).not.toContain('sleeper.json');
});

test('that died is forgotten', async () => {
  const { pid } = await startOne();
  process.kill(pid, 'SIGKILL');
  while ((await runningBackground(home)).length > 0) await delay(10);
  expect(await readdir(home.run)).not.toContain('sleeper.json');
});

test.each(['server', '../elsewhere', ''])('cannot be called %j', async (name) => {
  await expect(startBackground(home, name, [], home.env, { entry })).rejects.toThrow(TypeError);
  expect(await children()).toEqual([]);
});
