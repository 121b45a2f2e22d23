/**
 * Every command in four situations: all is well, its input is bad, no key is set, nothing is reachable.
 * Each asserts exit code, stdout and stderr; stdout is empty where a command fails. `npm test` has each command, and each of the situations
 * once or more; `npm run test:long` has all cells.
 */
import { join } from 'node:path';
import { JobFolder } from '../../src/jobs';
import type { Simulator } from '../../src/simulator';
import { startSimulator } from '../../src/simulator';
import { CliWorld, NOTHING_LISTENS } from './support/cli-world';
import type { Variant } from '../support/long-form';
import { ofThisForm, rowsOfThisForm } from '../support/long-form';
import { until } from '../support/until';
import { LONG } from '../support/long-form';

let world: CliWorld;
let simulator: Simulator;
/** A key and an API. */
let api: Record<string, string>;

const unreachable = { TEMPORAL_ADDRESS: NOTHING_LISTENS };
const noKey = { ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: '' };

beforeAll(async () => {
  world = await CliWorld.create();
  simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 0 });
  api = { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key-that-is-secret' };
  await world.file('bad.jsonl', '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[]}}\nnot json\n{"custom_id":"b"}\n');
  expect(await world.run(['run', await world.input('done')], api)).toMatchObject({ code: 0 });
  simulator.setOptions({ processingMs: Infinity });
  for (const name of ['open', 'canceled']) expect(await world.run(['submit', await world.input(name)], api)).toMatchObject({ code: 0 });
  simulator.setOptions({ processingMs: 0 });
  // A job of an account that no worker serves.
  await new JobFolder(world.home, 'job_unserved').createJob({
    format: 1,
    job_id: 'job_unserved',
    simulated: false,
    account: { label: 'unserved', base_url: simulator.url },
    input: { path: join(world.folder, 'unserved.jsonl'), sha256: '0', requests: 1, bytes: 1 },
    output: join(world.folder, 'unserved.results'),
    betas: [],
    created_at: new Date().toISOString(),
  });
});

afterAll(async () => {
  await world.close();
  await simulator.close();
});

afterEach(() => {
  simulator.setOptions({ processingMs: 0 });
});

interface Cell extends Variant {
  name: string;
  args: string[];
  /** Files to write first: name of a new input. */
  input?: string;
  env?: () => Record<string, string>;
  code: number;
  stdout: RegExp | '';
  stderr: RegExp | '';
}

const withKey = () => api;
const withoutKey = () => ({ ...api, ...noKey });
const withoutTemporal = () => ({ ...api, ...unreachable });
const BAD_LINES = /^Error: bad.jsonl cannot be sent: 2 lines are wrong\.\n {2}line 2: [\s\S]* {2}line 3: [\s\S]*Nothing was sent\. Mend the input/;
const NO_KEY = /^Error: No API key is set\.\nSet ANTHROPIC_API_KEY .*--simulate\.\n$/;
const NO_TEMPORAL = /Error: The Temporal server at 127\.0\.0\.1:1 does not answer\.\nCheck TEMPORAL_ADDRESS/;
const NO_SUCH_JOB = /^Error: No job is known by "nonsense"\.\nGive a job id or its beginning/;

const cells: Cell[] = [
  { name: 'run: all is well', input: 'well', args: ['run', 'well.jsonl'], env: withKey, code: 0, stdout: /^3 of 3 requests succeeded \(simulated\)\n[\s\S]*outcomes +3 succeeded\n[\s\S]*results +well\.results\/results\.jsonl\n[\s\S]*message-batches results job_/, stderr: /^Sending: 3 requests in 1 batch, .*\njob +job_[0-9a-f]{16}\noutputs +well\.results\n[\s\S]*finished\n$/ },
  { name: 'run: bad input', args: ['run', 'bad.jsonl'], env: withKey, code: 1, stdout: '', stderr: BAD_LINES },
  { name: 'run, of a job that has ended: no key', args: ['run', 'done.jsonl'], env: withoutKey, code: 0, stdout: /^3 of 3 requests succeeded/, stderr: /^This job has ended already, and nothing is sent/ },
  { name: 'run: no key', input: 'unkeyed', args: ['run', 'unkeyed.jsonl'], env: withoutKey, code: 1, stdout: '', stderr: NO_KEY },
  { onlyLong: true, name: 'run: nothing reachable', input: 'unreachable', args: ['run', 'unreachable.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'submit: all is well', input: 'submitted', args: ['submit', 'submitted.jsonl'], env: withKey, code: 0, stdout: /^job +job_[0-9a-f]{16}\nbatch +msgbatch_\w+\nWait for it: message-batches wait job_/, stderr: /^Sending: 3 requests/ },
  { onlyLong: true, name: 'submit: bad input', args: ['submit', 'bad.jsonl'], env: withKey, code: 1, stdout: '', stderr: BAD_LINES },
  { onlyLong: true, name: 'submit: no key', input: 'unkeyed', args: ['submit', 'unkeyed.jsonl'], env: withoutKey, code: 1, stdout: '', stderr: NO_KEY },
  { name: 'submit: nothing reachable', input: 'unreachable-too', args: ['submit', 'unreachable-too.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'status: all is well', args: ['status', 'open.jsonl'], env: withKey, code: 0, stdout: /^job_[0-9a-f]{16} → open\.results\nrunning · .*\n +msgbatch_\S+ processing for .*, (next look in .* s|looking now)\n/, stderr: '' },
  { name: 'status of all: all is well', args: ['status'], env: withKey, code: 0, stdout: /^JOB +STATE [\s\S]*finished: 3 succeeded/, stderr: '' },
  { onlyLong: true, name: 'status: bad input', args: ['status', 'nonsense'], env: withKey, code: 1, stdout: '', stderr: NO_SUCH_JOB },
  { onlyLong: true, name: 'status: no key', args: ['status', 'done.jsonl'], env: withoutKey, code: 0, stdout: /^3 of 3 requests succeeded/, stderr: '' },
  { name: 'status: nothing reachable', args: ['status', 'open.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'wait: all is well', args: ['wait', 'done.jsonl'], env: withKey, code: 0, stdout: /^3 of 3 requests succeeded/, stderr: '' },
  { onlyLong: true, name: 'wait: bad input', args: ['wait', 'nonsense'], env: withKey, code: 1, stdout: '', stderr: NO_SUCH_JOB },
  { name: 'wait: no key', args: ['wait', 'job_unserved'], env: withoutKey, code: 1, stdout: '', stderr: NO_KEY },
  { onlyLong: true, name: 'wait: nothing reachable', args: ['wait', 'open.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'pause: all is well', args: ['pause', 'open.jsonl'], env: withKey, code: 0, stdout: /^Job job_\w+ sends nothing more\.\nGo on: message-batches resume job_/, stderr: '' },
  { name: 'pause: bad input', args: ['pause', 'done.jsonl'], env: withKey, code: 1, stdout: '', stderr: /^Error: Job job_\w+ has ended already\.\nSee what became of it: message-batches status/ },
  { onlyLong: true, name: 'pause: no key', args: ['pause', 'open.jsonl'], env: withoutKey, code: 0, stdout: /sends nothing more/, stderr: '' },
  { onlyLong: true, name: 'pause: nothing reachable', args: ['pause', 'open.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'resume: all is well', args: ['resume', 'open.jsonl'], env: withKey, code: 0, stdout: /^Job job_\w+ may go on\.\n.*message-batches wait job_/, stderr: '' },
  { onlyLong: true, name: 'resume: bad input', args: ['resume', 'nonsense'], env: withKey, code: 1, stdout: '', stderr: NO_SUCH_JOB },
  { onlyLong: true, name: 'resume: no key', args: ['resume', 'open.jsonl'], env: withoutKey, code: 0, stdout: /may go on/, stderr: '' },
  { onlyLong: true, name: 'resume: nothing reachable', args: ['resume', 'open.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'results: all is well', args: ['results', 'done.jsonl', '--id', 'done-1'], env: withKey, code: 0, stdout: /^\{.*"custom_id":"done-1".*\}\n$/, stderr: '' },
  { name: 'results: bad input', args: ['results', 'open.jsonl'], env: withKey, code: 1, stdout: '', stderr: /^Error: Job job_\w+ has not ended yet; .*\nWait for it: message-batches wait job_/ },
  { onlyLong: true, name: 'results: no key', args: ['results', 'done.jsonl'], env: withoutKey, code: 0, stdout: /^(\{.*\}\n){3}$/, stderr: '' },
  { onlyLong: true, name: 'results: nothing reachable', args: ['results', 'done.jsonl'], env: withoutTemporal, code: 0, stdout: /^(\{.*\}\n){3}$/, stderr: '' },

  { name: 'check: all is well', args: ['check', 'done.jsonl'], env: withKey, code: 0, stdout: /^done\.jsonl can be sent: 3 requests in 1 batch, .*\n(?:.*\n){3}Send it: message-batches run done\.jsonl\n$/, stderr: '' },
  { name: 'check: bad input', args: ['check', 'bad.jsonl'], env: withKey, code: 1, stdout: '', stderr: BAD_LINES },
  { onlyLong: true, name: 'check: no key', args: ['check', 'done.jsonl'], env: withoutKey, code: 0, stdout: /can be sent/, stderr: '' },
  { onlyLong: true, name: 'check: nothing reachable', args: ['check', 'done.jsonl'], env: withoutTemporal, code: 0, stdout: /can be sent/, stderr: '' },

  { onlyLong: true, name: 'cancel: bad input', args: ['cancel', 'nonsense'], env: withKey, code: 1, stdout: '', stderr: NO_SUCH_JOB },
  { name: 'cancel: no key', args: ['cancel', 'job_unserved'], env: withoutKey, code: 1, stdout: '', stderr: NO_KEY },
  { onlyLong: true, name: 'cancel: nothing reachable', args: ['cancel', 'canceled.jsonl'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },
  { name: 'cancel: all is well', args: ['cancel', 'canceled.jsonl'], env: withKey, code: 0, stdout: /^Job job_\w+ (is canceled at the API \(msgbatch_\w+\)|has ended)\. What is done is kept\.\nWait for the outputs: message-batches wait job_/, stderr: /^(Canceling job job_\w+ …\n)?$/ },
  { name: 'cancel, of a job that has ended', args: ['cancel', 'done.jsonl'], env: withKey, code: 0, stdout: /^Job job_\w+ has ended already: there is nothing to cancel\.\n$/, stderr: '' },
  { name: 'wait, for the canceled one', args: ['wait', 'canceled.jsonl'], env: withKey, code: 3, stdout: /^0 of 3 requests succeeded, canceled \(simulated\)\n[\s\S]*outcomes +3 canceled/, stderr: /(canceled\n)?$/ },

  { onlyLong: true, name: 'worker: bad input', args: ['worker', '--account', 'a b'], env: withKey, code: 1, stdout: '', stderr: /^Error: "a b" cannot be the name of an account/ },
  { name: 'worker: no key', args: ['worker'], env: withoutKey, code: 1, stdout: '', stderr: NO_KEY },
  { onlyLong: true, name: 'worker: nothing reachable', args: ['worker'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { onlyLong: true, name: 'dev: bad input', args: ['dev', '--account', 'a b'], env: withKey, code: 1, stdout: '', stderr: /cannot be the name of an account/ },
  { onlyLong: true, name: 'dev: nothing reachable', args: ['dev'], env: withoutTemporal, code: 1, stdout: '', stderr: NO_TEMPORAL },

  { name: 'doctor: all is well', args: ['doctor'], env: withKey, code: 0, stdout: /^ok +versions +message-batches [\s\S]*key +set, for http:\/\/127[\s\S]*temporal +127\.0\.0\.1:\d+[\s\S]*background +[\s\S]*worker-default-\w+ \(pid \d+\)[\s\S]*jobs +\d+ open/, stderr: '' },
  { onlyLong: true, name: 'doctor: bad input', args: ['doctor', 'what'], env: withKey, code: 1, stdout: '', stderr: /^Error: too many arguments for 'doctor'/ },
  { name: 'doctor: no key', args: ['doctor'], env: withoutKey, code: 0, stdout: /key +not set\n +Set ANTHROPIC_API_KEY/, stderr: '' },
  { name: 'doctor: nothing reachable', args: ['doctor'], env: withoutTemporal, code: 1, stdout: /!! +temporal +The Temporal server at 127\.0\.0\.1:1 does not answer/, stderr: '' },

  { name: 'simulate: bad input', args: ['simulate', '--errored', '2'], code: 1, stdout: '', stderr: /^Error: option '--errored <share>' argument '2' is invalid\. Write a number from 0 to 1/ },
  { name: 'simulate: a fault that does not exist', args: ['simulate', '--folder', 'other', '--fault', '{"on":"create","kind":"nonsense"}'], code: 1, stdout: '', stderr: /^Error: The simulator cannot make this fault: .*\nIts options: message-batches simulate --help/ },

  { onlyLong: true, name: 'stop: bad input', args: ['stop', 'what'], env: withKey, code: 1, stdout: '', stderr: /^Error: too many arguments for 'stop'/ },
];

test.each(ofThisForm(cells))('$name', async ({ args, input, env, code, stdout, stderr }) => {
  if (input) await world.input(input);
  // A worker that does not answer in time is asked again.
  const ended = await until(() => world.run(args, env?.()), (seen) => !seen.stdout.includes('no worker has answered yet'));
  expect(ended).toEqual({ code, stdout: stdout === '' ? '' : expect.stringMatching(stdout), stderr: stderr === '' ? '' : expect.stringMatching(stderr) });
  expect(ended.stdout + ended.stderr).not.toMatch(/\n\s+at .*:\d+|test-key-that-is-secret/);
});

type Staying = [name: string, args: string[], env: () => Record<string, string>, printed: RegExp];
const staying: Staying[] = [
  ['worker: all is well', ['worker'], withKey, /^A worker serves the account default-\w+ on the task queue message-batches\.default-\w+ at 127\.0\.0\.1:\d+\.\nCtrl-C ends it/],
  ['dev: all is well', ['dev'], withKey, /^Temporal +127\.0\.0\.1:\d+\nweb UI +http:\/\/127\.0\.0\.1:\d+\nIn another terminal/],
  ['simulate: all is well', ['simulate', '--folder', 'other'], withKey, /^Simulating the Message Batches API at http:\/\/127\.0\.0\.1:\d+\nUse it: ANTHROPIC_BASE_URL=/],
];
const stayingFurther: Staying[] = [
  ['dev: no key', ['dev'], withoutKey, /No API key is set[\s\S]*only simulated jobs/],
  ['simulate: no key', ['simulate', '--folder', 'other'], withoutKey, /^Simulating/],
  ['simulate: nothing reachable', ['simulate', '--folder', 'other'], withoutTemporal, /^Simulating/],
];

test.each(rowsOfThisForm(staying, stayingFurther))('%s, until it is told to end', async (_, args, env, printed) => {
  const running = world.start(args, env());
  await running.printed(printed);
  const { code, stderr } = await running.signal('SIGTERM');
  expect(code).toBe(143);
  expect(stderr).not.toMatch(/Error/);
});

if (LONG) test('simulate: in a folder that another works with', async () => {
  const ownHome = { MESSAGE_BATCHES_HOME: join(world.folder, 'home-of-simulators') };
  const first = world.start(['simulate'], ownHome);
  await first.printed(/^Simulating/);
  expect(await world.run(['simulate'], ownHome)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: The simulator at .* already\. .*\n.*simulate --folder DIR\n.*message-batches stop\n$/) });
  await first.signal('SIGTERM');
});

test('simulate: on a port that is taken', async () => {
  const { code, stderr } = await world.run(['simulate', '--folder', 'other', '--port', String(simulator.port)]);
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^Error: Port ${simulator.port} .* taken\\.`));
});

describe('stop, at last', () => {
  test('no key, nothing reachable: it needs neither; all is well, and what is open is named', async () => {
    const { code, stdout } = await world.run(['stop'], { ...noKey, ...unreachable });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Stopped: worker-default-\w+.*, temporal-server\.\n\d+ jobs are open and will go on later, e\.g\.: message-batches wait job_/);
  });

  test('again: nothing is left to stop', async () => {
    expect(await world.run(['stop'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Nothing was running in the background\./) });
  });

  test('status without a server tells what the records know', async () => {
    expect(await world.run(['status', 'open.jsonl'], api)).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^job_\w+ → open\.results\nrunning · [\s\S]*msgbatch_\w+ processing\n[\s\S]*message-batches wait job_/),
      stderr: expect.stringMatching(/^No Temporal server of this home runs/),
    });
  });
});
