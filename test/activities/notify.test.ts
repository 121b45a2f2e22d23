/** Who is told of a job, by real servers and real commands; the activity by itself. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDependencies, NotifyInput, NotifyResult } from '../../src/activities';
import { createActivities } from '../../src/activities';
import { MessageBatchesApi } from '../../src/api';
import type { Attention } from '../../src/contract';
import { jobFolderName } from '../../src/jobs';
import { openStorageRoot } from '../../src/storage';
import { until } from '../support/until';

interface Post {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

const KEY = 'sk-ant-secret-key-1234567890';
const ATTENTION: Attention = { code: 'spend_limit', message: 'The limit is reached.', hint: 'Raise it.', since: '2026-11-28T01:02:03.004Z' };
const REPORT = { job_id: 'job/1', status: 'finished', outcomes: { succeeded: 2 } };

let folder: string;
let api: MessageBatchesApi;
let logged: string[];
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-notify-'));
  api = new MessageBatchesApi({ baseUrl: 'http://127.0.0.1:1', credential: { kind: 'x-api-key', token: KEY } });
  logged = [];
  process.env['ANTHROPIC_API_KEY'] = KEY;
  await mkdir(jobDir(), { recursive: true });
  await writeFile(join(jobDir(), 'report.json'), JSON.stringify(REPORT));
});
afterEach(async () => {
  delete process.env['ANTHROPIC_API_KEY'];
  await api.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(folder, { recursive: true });
});

const jobDir = () => join(folder, 'storage', 'jobs', jobFolderName('job/1'));
const file = (name: string) => join(folder, name);

/** A receiver; `answers` are the statuses of its answers, the last one for all that follow. `0` is no answer at all. */
async function receiver(...answers: number[]): Promise<{ url: string; posts: Post[]; next: () => Promise<unknown> }> {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posts.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) as Post['body'] });
      server.emit('post');
      const status = answers.length > 1 ? answers.shift()! : answers[0]!;
      if (status > 0) response.writeHead(status, { location: '/elsewhere' }).end('text that nobody reads');
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts, next: () => once(server, 'post') };
}

async function notify(input: Partial<NotifyInput> & { targets: string[] }, { attempt = 1, environment = new MockActivityEnvironment({ attempt }, { logger }), ...more }: Partial<ActivityDependencies> & { attempt?: number; environment?: MockActivityEnvironment } = {}): Promise<NotifyResult> {
  const deps: ActivityDependencies = { api, account: { label: 'test', baseUrl: 'http://127.0.0.1:1' }, storage: await openStorageRoot(file('storage')), allowCommands: true, ...more };
  const whole: NotifyInput = { jobId: 'job/1', event: 'ended', ...input };
  return environment.run(createActivities(deps)['messageBatches.notify'], whole);
}

const logger = new DefaultLogger('INFO', ({ message, meta }) => logged.push(`${message} ${JSON.stringify(meta)}`));

async function failureOf(failing: Promise<unknown>): Promise<ApplicationFailure> {
  const failure = await failing.catch((error: unknown) => error);
  if (!(failure instanceof ApplicationFailure)) throw new Error(`Not an ApplicationFailure: ${String(failure)}`);
  return failure;
}

test('a URL gets the end with the report, once, however often the activity runs; nothing of the key', async () => {
  const { url, posts } = await receiver(204);
  for (let run = 0; run < 3; run++) expect(await notify({ targets: [`${url}/hook?x=1`] })).toEqual({ told: 1, failed: [] });
  expect(posts).toEqual([
    {
      path: '/hook?x=1',
      headers: expect.objectContaining({ 'content-type': 'application/json', 'idempotency-key': expect.stringMatching(/^notice_[0-9a-f]{24}$/) }),
      body: { id: expect.any(String), event: 'ended', job_id: 'job/1', report: REPORT },
    },
  ]);
  expect(posts[0]?.headers['idempotency-key']).toBe(posts[0]?.body['id']);
  expect(posts[0]?.headers).not.toHaveProperty('x-api-key');
  expect(JSON.stringify(posts)).not.toContain(KEY);
});

test('each pause is told once, and told from others by its begin; of a repeat, the id is the same', async () => {
  const { url, posts } = await receiver(200);
  const later = { ...ATTENTION, since: '2026-11-28T02:00:00.000Z' };
  for (const attention of [ATTENTION, ATTENTION, later]) await notify({ event: 'paused', attention, targets: [url] });
  await notify({ event: 'paused', since: '2026-11-28T03:00:00.000Z', targets: [url] });
  expect(posts.map(({ body }) => [body['event'], body['since'], body['attention']])).toEqual([
    ['paused', ATTENTION.since, ATTENTION],
    ['paused', later.since, later],
    ['paused', '2026-11-28T03:00:00.000Z', undefined],
  ]);
  // Who died between the telling and its record tells it again.
  for (const name of await readdir(join(jobDir(), 'notices'))) await rm(join(jobDir(), 'notices', name));
  await notify({ event: 'paused', attention: ATTENTION, targets: [url] });
  expect(posts[3]?.body['id']).toBe(posts[0]?.body['id']);
  expect(new Set(posts.map(({ body }) => body['id'])).size).toBe(3);
});

test('what may pass is tried again, and only those that were not told; after five attempts it has failed for good', async () => {
  const [good, busy] = [await receiver(200), await receiver(503, 429, 200)];
  const targets = [good.url, `${busy.url}/secret`];
  expect(await failureOf(notify({ targets }))).toMatchObject({ nonRetryable: false, message: `${busy.url}/…: it answered 503` });
  expect(await failureOf(notify({ targets }, { attempt: 2 }))).toMatchObject({ nonRetryable: false, message: `${busy.url}/…: it answered 429` });
  expect(await notify({ targets }, { attempt: 3 })).toEqual({ told: 2, failed: [] });
  expect([good.posts.length, busy.posts.length]).toEqual([1, 3]);
  const gone = await receiver(500);
  expect(await notify({ targets: [gone.url] }, { attempt: 5 })).toEqual({ told: 0, failed: [{ target: `${gone.url}/…`, reason: 'it answered 500' }] });
  expect(logged.join()).toContain('Could not tell of a job');
});

test('redirects are not followed, refusals are final, and neither names the URL', async () => {
  const [moved, refused] = [await receiver(307), await receiver(404)];
  const withCredentials = `${refused.url.replace('http://', 'http://me:pass%20word@')}/T0/secret-path`;
  expect(await notify({ targets: [moved.url, withCredentials, 'http://', 'http://a%:b@127.0.0.1/'] })).toEqual({
    told: 0,
    failed: [
      { target: `${moved.url}/…`, reason: 'it answered 307: redirects are not followed' },
      { target: `${refused.url}/…`, reason: 'it answered 404' },
      { target: 'a URL', reason: 'not a URL' },
      { target: 'http://127.0.0.1/…', reason: 'its user or password is not percent-encoded as URLs have it' },
    ],
  });
  expect(moved.posts.map(({ path }) => path)).toEqual(['/']);
  expect(refused.posts[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:pass word').toString('base64')}`);
  expect(logged.join()).not.toMatch(/secret-path|pass%20word|pass word/);
});

test('where nobody answers, it is given up in time; nor is anybody there', async () => {
  const silent = await receiver(0);
  expect((await failureOf(notify({ targets: [silent.url] }, { notifyTimeoutMs: 200 }))).message).toBe(`${silent.url}/…: no answer within 200 ms`);
  expect((await failureOf(notify({ targets: ['http://user:secret@127.0.0.1:1/x'] }))).message).toBe('http://127.0.0.1:1/…: it cannot be reached (ECONNREFUSED)');
});

test('a cancel of the activity stops it', async () => {
  const silent = await receiver(0);
  const environment = new MockActivityEnvironment({}, { logger });
  const running = notify({ targets: [silent.url] }, { environment });
  await silent.next();
  environment.cancel();
  await expect(running).rejects.toThrow(/cancel/i);
});

test('a command gets the notice on its standard input, and an environment without the key', async () => {
  const command = `cat > ${file('stdin')}; env > ${file('env')}; echo seen by the log`;
  expect(await notify({ event: 'paused', attention: ATTENTION, targets: [command] })).toEqual({ told: 1, failed: [] });
  expect(JSON.parse(await readFile(file('stdin'), 'utf8'))).toMatchObject({ event: 'paused', job_id: 'job/1', attention: ATTENTION });
  const env = await readFile(file('env'), 'utf8');
  expect(env).toMatch(/^MESSAGE_BATCHES_EVENT=paused$/m);
  expect(env).toMatch(/^MESSAGE_BATCHES_JOB=job\/1$/m);
  expect(env).toMatch(/^PATH=/m);
  expect(env).not.toMatch(/ANTHROPIC|sk-ant/);
  expect(logged.join()).toContain('seen by the log');
  // One that reads nothing is no failure.
  expect(await notify({ targets: ['true'] })).toEqual({ told: 1, failed: [] });
});

test('a worker that allows no commands says so, and runs none', async () => {
  const { url, posts } = await receiver(200);
  expect(await notify({ targets: [`touch ${file('ran')}`, url] }, { allowCommands: false })).toEqual({
    told: 1,
    failed: [{ target: 'touch …', reason: expect.stringContaining('this worker runs no commands of jobs') }],
  });
  expect(posts).toHaveLength(1);
  expect(await readdir(folder)).not.toContain('ran');
});

test('a command that fails is tried again; one that is not there, or may not be told by name, is not', async () => {
  expect((await failureOf(notify({ targets: ['exit 3'] }))).message).toBe('exit …: it ended with 3');
  expect(await notify({ targets: ['no-such-program --x'] })).toMatchObject({ told: 0, failed: [{ target: 'no-such-program …', reason: expect.stringMatching(/^it ended with 127: there is no such program/) }] });
  expect(logged.join()).toMatch(/no-such-program.*not found/);
});

test('what a command prints goes to the log of the worker, and into no history or report', async () => {
  const command = `TOKEN=secret sh -c 'echo no mail for somebody@example.com >&2; exit 3'`;
  const failure = await failureOf(notify({ targets: [command] }));
  expect(failure.message).toBe('a command: it ended with 3; what it printed is in the log of the worker');
  expect(logged.filter((line) => line.includes('somebody@example.com'))).toHaveLength(1);
  const result = await notify({ targets: [command] }, { attempt: 5 });
  expect(JSON.stringify(result)).not.toContain('somebody');
  expect(logged.join()).not.toContain('secret');
});

test('a command that hangs is killed with all that it started', async () => {
  const command = `sleep 600 & echo $! > ${file('pid')}; sleep 600`;
  expect((await failureOf(notify({ targets: [command] }, { notifyTimeoutMs: 3_000 }))).message).toBe('sleep …: it had not ended after 3000 ms and was killed');
  const pid = Number(await readFile(file('pid'), 'utf8'));
  const stateOf = (stat: string): string => stat.slice(stat.lastIndexOf(')') + 2)[0]!;
  // Its pipes are closed before it is gone, and one that nobody waits for stays listed, as a zombie.
  await until(async () => stateOf(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') X')), (state) => 'ZX'.includes(state));
});

test('before there is a report, nobody is told of an end', async () => {
  const { url, posts } = await receiver(200);
  await rm(join(jobDir(), 'report.json'));
  await expect(notify({ targets: [url] })).rejects.toThrow('has no report yet');
  expect(posts).toEqual([]);
});
