/** `message-batches api`: the calls that look at batches and change them, the options of all calls, and errors. */
import { once } from 'node:events';
import { join } from 'node:path';
import type { MessageBatchPage } from '../../src/api';
import { createProgram } from '../../src/cli/program';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { apiError, batch, closeServers, httpServer, json, rawServer, unusedPort } from '../api/support/servers';
import { rowsOfThisForm } from '../support/long-form';
import { CliWorld } from './support/cli-world';
import { LONG } from '../support/long-form';

const KEY = 'test-key-that-is-secret';

let world: CliWorld;
let simulator: Simulator;
let api: Record<string, string>;
const ids: string[] = [];

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 600_000, cancelingMs: 0 });
  api = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: KEY };
  for (const seed of ['first', 'second', 'third']) {
    const { stdout } = await world.run(['api', 'create', await world.input(seed), '--json'], api);
    ids.push((JSON.parse(stdout) as { id: string }).id);
  }
});
afterAll(async () => {
  await world.close();
  await simulator.close();
});
afterEach(async () => {
  simulator.clearFaults();
  simulator.setKeys();
  await closeServers();
});

const commands = createProgram().commands.find((command) => command.name() === 'api')!.commands.map((command) => command.name());
/** A server that answers every call with this batch. */
const recorder = async () => httpServer((_, response) => json(response, 200, batch()));

test('the six calls are there, each with help, --json and an example that names it', async () => {
  expect(commands).toEqual(['create', 'retrieve', 'list', 'cancel', 'delete', 'results']);
  for (const command of commands) {
    const { code, stdout, stderr } = await world.run(['api', command, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: message-batches api ${command} [\\s\\S]*--json[\\s\\S]*--beta <name>[\\s\\S]*Examples:\\n.*  \\$ (.* )?message-batches api ${command}`));
  }
});

describe('retrieve', () => {
  test('for a person', async () => {
    const { code, stdout, stderr } = await world.run(['api', 'retrieve', ids[0]!], api);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^${ids[0]}\\nstatus    in_progress\\nrequests  3 processing\\ncreated   \\d{4}-\\S+ \\(.* ago\\)\\nexpires   \\S+ \\(in 23 h 5\\d min\\)\\nresults   when it has ended\\n$`));
  });

  test('--json: the API\'s object as it came, whatever is in it', async () => {
    const odd = batch('msgbatch_1', { processing_status: 'resting', camelCase: { innerKey: 'ä\u2028' }, request_counts: { processing: 0, waiting: 7 } });
    const server = await httpServer((_, response) => json(response, 200, odd));
    const env = { ...api, ANTHROPIC_BASE_URL: server.url };
    const { stdout, stderr } = await world.run(['api', 'retrieve', 'msgbatch_1', '--json'], env);
    expect(stderr).toBe('');
    expect(stdout).toBe(`${JSON.stringify(odd)}\n`);
    expect((await world.run(['api', 'retrieve', 'msgbatch_1'], env)).stdout).toMatch(/status {4}resting\nrequests {2}7 waiting\n/);
  });

  test('an id is one segment of the path, whatever it holds; an empty one is named', async () => {
    const server = await recorder();
    const env = { ...api, ANTHROPIC_BASE_URL: `${server.url}/gateway/` };
    expect(await world.run(['api', 'retrieve', 'a/b?c#d ä'], env)).toMatchObject({ code: 0 });
    expect(server.requests.map(({ url }) => url)).toEqual(['/gateway/v1/messages/batches/a%2Fb%3Fc%23d%20%C3%A4']);
    expect(await world.run(['api', 'retrieve', ''], env)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: id: the id of a message batch is needed, but it is empty\./) });
    expect(server.requests).toHaveLength(1);
  });
});

describe('list', () => {
  test('a page as a table, and the command for the next one', async () => {
    const { code, stdout, stderr } = await world.run(['api', 'list', '--limit', '2'], api);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^BATCH +STATUS +REQUESTS +CREATED +EXPIRES\\n${ids[2]} +in_progress +3 processing +.* ago +in 23 h 5\\d min\\n${ids[1]} .*\\nMore: message-batches api list --limit 2 --after ${ids[1]}\\n$`));
    const next = await world.run(['api', 'list', '--limit', '2', '--after', ids[1]!], api);
    expect(next.stdout).toMatch(new RegExp(`\\n${ids[0]} .*\\n$`));
    expect(await world.run(['api', 'list', '--limit', '1', '--before', ids[0]!], api)).toMatchObject({ stdout: expect.stringMatching(new RegExp(`More: .* --before ${ids[1]}\\n$`)) });
  });

  test('--json: the page as it is; --all: all pages in the form of one', async () => {
    const page = async (...args: string[]) => JSON.parse((await world.run(['api', 'list', '--json', ...args], api)).stdout) as MessageBatchPage;
    expect(await page('--limit', '1')).toMatchObject({ data: [{ id: ids[2] }], has_more: true, first_id: ids[2], last_id: ids[2] });
    const before = simulator.stats().calls.list;
    const all = await page('--limit', '1', '--all');
    expect(simulator.stats().calls.list).toBe(before + 3);
    expect(all).toMatchObject({ data: [{ id: ids[2] }, { id: ids[1] }, { id: ids[0] }], has_more: false, first_id: ids[2], last_id: ids[0] });
  });

  test('none', async () => {
    const server = await httpServer((_, response) => json(response, 200, { data: [], has_more: false, first_id: null, last_id: null }));
    expect(await world.run(['api', 'list'], { ...api, ANTHROPIC_BASE_URL: server.url })).toEqual({ code: 0, stdout: 'There are no batches here.\n', stderr: '' });
  });
});

test('cancel, then delete: objects with --json, lines without; what cannot be deleted yet', async () => {
  const id = ids[1]!;
  expect(await world.run(['api', 'delete', id], api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(new RegExp(`^Error: delete ${id}: 400 invalid_request_error: [\\s\\S]*message-batches api cancel ${id}\\n$`)) });
  expect(await world.run(['api', 'cancel', id], api)).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`^${id}\\nstatus +(canceling|ended)\\n[\\s\\S]*canceled +\\d`)) });
  simulator.endBatch(id);
  expect((await world.run(['api', 'retrieve', id], api)).stdout).toMatch(new RegExp(`results +message-batches api results ${id} \\(kept until \\d{4}-\\d\\d-\\d\\d\\)\\n$`));
  const { stdout } = await world.run(['api', 'delete', id, '--json'], api);
  expect(JSON.parse(stdout)).toEqual({ id, type: 'message_batch_deleted' });
  expect(await world.run(['api', 'retrieve', id, '--json'], api)).toMatchObject({ code: 1 });
});

test('options of the call are on the wire', async () => {
  const server = await recorder();
  const args = ['--beta', 'one', '--beta', 'two', '--beta-api', '--api-version', '2026-10-21', '--workspace', 'wrkspc_1', '--header', 'X-Team: a: b', '--query', 'trace=a=b', '--body-field', 'note={"why":"ä"}'];
  expect(await world.run(['api', 'cancel', 'msgbatch_1', ...args], { ...api, ANTHROPIC_BASE_URL: server.url })).toMatchObject({ code: 0, stderr: '' });
  const [{ method, url, headers, body }] = server.requests as [(typeof server.requests)[number]];
  expect(method).toBe('POST');
  expect(Object.fromEntries(new URL(url, server.url).searchParams)).toEqual({ beta: 'true', trace: 'a=b' });
  expect(String(headers['anthropic-beta']).split(',').sort()).toEqual(['message-batches-2024-09-24', 'one', 'two']);
  expect(headers).toMatchObject({ 'anthropic-version': '2026-10-21', 'anthropic-workspace-id': 'wrkspc_1', 'x-team': 'a: b', 'x-api-key': KEY });
  expect(JSON.parse(body)).toEqual({ note: { why: 'ä' } });
});

if (LONG) test('--max-retries and --timeout', async () => {
  simulator.addFault({ on: 'retrieve', kind: 'status', status: 529 });
  expect(await world.run(['api', 'retrieve', ids[0]!], api)).toMatchObject({ code: 0 });
  simulator.addFault({ on: 'retrieve', kind: 'status', status: 529 });
  expect(await world.run(['api', 'retrieve', ids[0]!, '--max-retries', '0'], api)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: retrieve .*: 529 overloaded_error: .*\nTry again\.\n$/) });
  const silent = await rawServer(() => undefined);
  const { code, stdout } = await world.run(['api', 'retrieve', 'x', '--timeout', '200ms', '--max-retries', '0', '--json'], { ...api, ANTHROPIC_BASE_URL: silent.url });
  expect([code, JSON.parse(stdout)]).toEqual([1, { error: { code: 'api_timeout', message: expect.stringContaining('no answer in time'), hint: expect.stringContaining('--timeout') } }]);
});

test('--verbose shows the calls on stderr; the key is in no output, whatever goes wrong', async () => {
  const { stdout, stderr } = await world.run(['api', 'retrieve', ids[0]!, '--verbose', '--json'], api);
  expect(JSON.parse(stdout)).toMatchObject({ id: ids[0] });
  expect(stderr).toMatch(new RegExp(`GET ${simulator.url}/v1/messages/batches/${ids[0]}[\\s\\S]* 200 in \\d+ ms \\(req_`));

  const echo = await httpServer(({ headers }, response) => json(response, 400, apiError('invalid_request_error', `what is ${String(headers['x-api-key'])}?`), { 'x-echo': String(headers['x-api-key']) }));
  simulator.setKeys(['another']);
  const shown = [{ stdout, stderr }];
  for (const command of commands) {
    const args = ['api', command, ...(command === 'list' ? [] : [command === 'create' ? 'first.jsonl' : 'msgbatch_1'])];
    shown.push(await world.run([...args, '--verbose'], { ...api, ANTHROPIC_BASE_URL: echo.url }), await world.run([...args, '--json'], api));
  }
  shown.push(await world.run(['api', 'list', '--verbose'], { ...api, ANTHROPIC_BASE_URL: `http://${KEY}@127.0.0.1:1` }));
  for (const each of shown) expect(each.stdout + each.stderr).not.toContain(KEY);
});

test.each([
  ['no key', { ANTHROPIC_API_KEY: '' }, 1, 'no_key', /^Set ANTHROPIC_API_KEY .*--simulate\.$/],
  ['a refused key', { ANTHROPIC_API_KEY: 'other' }, 4, 'key_refused', /ANTHROPIC_API_KEY/],
  ['a bad base URL', { ANTHROPIC_BASE_URL: 'ftp://x' }, 1, 'invalid_settings', /Unset it/],
])('%s', async (_, env, exitCode, errorCode, hint) => {
  simulator.setKeys([KEY]);
  const { code, stdout, stderr } = await world.run(['api', 'list', '--json'], { ...api, ...env });
  expect([code, stderr]).toEqual([exitCode, '']);
  expect(JSON.parse(stdout).error).toEqual({ code: errorCode, message: expect.any(String), hint: expect.stringMatching(hint) });
});

if (LONG) test('a spend limit: exit 4; a conflict, a rate limit, HTML of something in between: exit 1, with what the API said', async () => {
  const answers = [
    { status: 402, body: apiError('billing_error', 'Pay first.'), code: 'spend_limit', exit: 4 },
    { status: 429, body: apiError('rate_limit_error', 'Over.', { error_code: 'enforced_spend_limit_reached' }), code: 'spend_limit', exit: 4 },
    { status: 429, body: apiError('rate_limit_error', 'Too fast.'), code: 'rate_limited', exit: 1 },
    { status: 409, body: apiError('conflict_error', 'Busy.'), code: 'conflict', exit: 1 },
    { status: 502, body: '<html>', code: 'api_failed', exit: 1 },
    { status: 200, body: '<html>', code: 'invalid_answer', exit: 1 },
  ];
  for (const { status, body, code, exit } of answers) {
    const server = await httpServer((_, response) => json(response, status, body));
    const ended = await world.run(['api', 'retrieve', 'x', '--json', '--max-retries', '0'], { ...api, ANTHROPIC_BASE_URL: server.url });
    const { error, ...facts } = JSON.parse(ended.stdout) as { error: { code: string; message: string; hint: string | null } };
    expect([ended.code, error.code]).toEqual([exit, code]);
    expect(facts).toMatchObject({ request_id: 'req_test', ...(status !== 200 && { status }) });
  }
});

if (LONG) test('control characters of an answer reach no terminal', async () => {
  const evil = '\u001b]0;title\u0007\u001b[2J\u009b31m\nMore: rm';
  const odd = { ...batch(), id: `msgbatch_1${evil}`, processing_status: `ended${evil}`, request_counts: { [`succeeded${evil}`]: 3 }, created_at: `2026${evil}`, expires_at: evil, ended_at: `now${evil}` };
  let answer: [number, unknown] = [200, odd];
  const server = await httpServer((_, response) => json(response, ...answer));
  const calls: [string[], [number, unknown]][] = [
    [['retrieve', 'x'], [200, odd]],
    [['retrieve', 'x', '--json'], [200, odd]],
    [['cancel', 'x'], [200, odd]],
    [['create', await world.input('odd', 1)], [200, odd]],
    [['list'], [200, { data: [odd], has_more: true, first_id: odd.id, last_id: odd.id }]],
    [['delete', 'x'], [200, { id: odd.id, type: 'message_batch_deleted' }]],
    ...['--verbose', '--json'].map((option): [string[], [number, unknown]] => [['retrieve', 'x', option], [400, apiError(`bad${evil}`, `worse${evil}`)]]),
  ];
  for (const [args, given] of calls) {
    answer = given;
    const { stdout, stderr } = await world.run(['api', ...args], { ...api, ANTHROPIC_BASE_URL: server.url });
    expect(stdout + stderr).toMatch(/msgbatch_1|worse/);
    // eslint-disable-next-line no-control-regex
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|^More: rm/m);
    if (args.includes('--json') && given[0] === 200) expect(JSON.parse(stdout)).toEqual(odd);
  }
});

test('nothing listens there', async () => {
  const env = { ...api, ANTHROPIC_BASE_URL: `http://127.0.0.1:${await unusedPort()}` };
  expect(await world.run(['api', 'list', '--max-retries', '0'], env)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: list: no connection to http:.*ECONNREFUSED.*\nLook at ANTHROPIC_BASE_URL/) });
});

/** `npm test` has one of each kind. */
type WrongUsage = [args: string[], message: RegExp];
const wrongUsage: WrongUsage[] = [
  [['api'], /\nError: Say which command to run\.\n$/],
  [['api', 'retriev', 'x'], /^Error: unknown command 'retriev'\n\(Did you mean retrieve\?\)/],
  [['api', 'list', '--limit', '1001'], /^Error: list: limit is a whole number from 1 to 1000/],
  [['api', 'list', '--header', 'X-Api-Key: secret'], /^Error: --header X-Api-Key would show a credential to everybody(?![\s\S]*secret)/],
  [['api', 'list', '--query', 'key=hidden'], /^Error: --query key would show a credential to everybody(?![\s\S]*hidden)/],
];
const furtherWrongUsage: WrongUsage[] = [
  [['api', 'retrieve'], /^Error: missing required argument 'id'/],
  [['api', 'create'], /^Error: missing required argument 'file'/],
  [['api', 'list', '--limit', 'all'], /^Error: option '--limit <n>' argument 'all' is invalid/],
  [['api', 'list', '--after', 'a', '--before', 'b'], /^Error: --after and --before name opposite directions\./],
  [['api', 'list', '--timeout', '5'], /^Error: .*Write a duration with its unit/],
  [['api', 'list', '--query', 'x'], /^Error: --query number 1 is not of the form name=value\./],
  [['api', 'cancel', 'x', '--body-field', 'a=b'], /^Error: The value of --body-field a is not JSON\.\nA text stands in double quotes/],
  [['api', 'list', '--header', 'no-colon-but-secret'], /^Error: --header number 1 is not of the form "Name: value"\.(?![\s\S]*secret)/],
  [['api', 'list', '--header', 'x-goog-api-key: hidden'], /^Error: --header x-goog-api-key would show a credential to everybody(?![\s\S]*hidden)/],
  [['api', 'list', '--header', 'host: elsewhere'], /^Error: The header host is set by the client/],
  [['api', 'results', 'x', '--if-range', '"a"'], /^Error: --if-range says what came before, but not how much\./],
  [['api', 'retrieve', 'x', '--body-field', 'a=1'], /^Error: unknown option '--body-field'/],
];

test.each(rowsOfThisForm(wrongUsage, furtherWrongUsage))('%j is wrong usage', async (args, message) => {
  expect(await world.run(args, api)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
});

type Stopped = [command: string, signal: NodeJS.Signals, exitCode: number, message: RegExp];
const stopped: Stopped[] = [['cancel', 'SIGTERM', 143, /^Stopped\. Whether the cancel was carried out is unknown\.\nSee: message-batches api retrieve msgbatch_1\n$/]];
const furtherStopped: Stopped[] = [['retrieve', 'SIGINT', 130, /^Stopped\.\n$/]];

test.each(rowsOfThisForm(stopped, furtherStopped))('%s: %s ends it at once', async (command, signal, exitCode, message) => {
  let asked: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => (asked = resolve));
  const server = await rawServer((socket) => void once(socket, 'data').then(asked));
  const running = world.start(['api', command, 'msgbatch_1'], { ...api, ANTHROPIC_BASE_URL: server.url });
  await Promise.race([waiting, running.ended()]);
  expect(await running.signal(signal)).toEqual({ code: exitCode, stdout: '', stderr: expect.stringMatching(message) });
});

test('--simulate: no key, the simulator of the home, and hints that say so', async () => {
  const created = await world.run(['api', 'create', 'first.jsonl', '--simulate']);
  expect(created).toMatchObject({ code: 0, stderr: expect.stringMatching(/Sending: 3 requests, .*, to the simulator\n[\s\S]*message-batches api retrieve msgbatch_\w+ --simulate\n/) });
  const listed = await world.run(['api', 'list', '--simulate', '--json', '--verbose']);
  expect((JSON.parse(listed.stdout) as MessageBatchPage).data.map(({ id }) => id)).toEqual([created.stdout.split('\n')[0]]);
});
