/** What needs no server: help, wrong usage, and errors as JSON. */
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createProgram } from '../../src/cli/program';
import { rowsOfThisForm } from '../support/long-form';
import { CliWorld } from './support/cli-world';

let world: CliWorld;

beforeAll(async () => {
  world = await CliWorld.create();
  await world.input('x');
});
afterAll(() => world.close());

const commands = createProgram().commands.map((command) => command.name());

test('all commands of this release are there', () => {
  expect(commands).toEqual(['run', 'submit', 'status', 'wait', 'cancel', 'pause', 'resume', 'results', 'retry', 'retry-follow-ups', 'adopt', 'verify', 'clean', 'prepare', 'check', 'worker', 'dev', 'stop', 'doctor', 'simulate', 'api']);
});

test.each(commands)('%s --help: what it does, --json, an example that names it', async (command) => {
  const { code, stdout, stderr } = await world.run([command, '--help']);
  expect(code).toBe(0);
  expect(stderr).toBe('');
  expect(stdout).toMatch(new RegExp(`^Usage: message-batches ${command} `));
  expect(stdout).toMatch(/--json/);
  expect(stdout).toMatch(new RegExp(`Examples:\\n.*  \\$ (.* )?message-batches ${command}`));
});

test('--help names all commands, and loads nothing heavy for it', async () => {
  const { stdout } = await world.run(['--help']);
  for (const command of commands) expect(stdout).toContain(`  ${command} `);
  const program = join(__dirname, '..', '..', 'dist', 'cli', 'program.js');
  const script = `require(${JSON.stringify(program)}).createProgram(); console.log(JSON.stringify(Object.keys(require.cache)))`;
  const loaded = JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })) as string[];
  expect(loaded.filter((path) => /node_modules\/(@temporalio\/(client|worker|core-bridge|envconfig)|undici|@grpc)\//.test(path))).toEqual([]);
});

test('--version', async () => {
  expect(await world.run(['--version'])).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
});

/** `npm test` has one of each kind. */
type WrongUsage = [args: string[], message: RegExp];
const wrongUsage: WrongUsage[] = [
  [['runn', 'x.jsonl'], /^Error: unknown command 'runn'\n\(Did you mean run\?\)\nAll commands and options: message-batches --help/],
  [['resume', '--max-cots', '5'], /\(Did you mean --max-cost\?\)/],
  [['run'], /^Error: missing required argument 'input'/],
  [['wait', '--timeout', '30'], /^Error: option '--timeout <duration>' argument '30' is invalid\. Write a duration with its unit/],
  [['run', 'x.jsonl', '--simulate', '--id', 'a/b'], /^Error: "a\/b" cannot be a job's id/],
];
const furtherWrongUsage: WrongUsage[] = [
  [['stauts'], /^Error: unknown command 'stauts'\n\(Did you mean status\?\)/],
  [['resume', '--max-cost', '5$'], /^Error: option '--max-cost <usd>' argument '5\$' is invalid\. Write US dollars as a plain number/],
  [['api', 'lst'], /\(Did you mean list\?\)/],
  [['run', 'x.jsonl', '--simulat'], /^Error: unknown option '--simulat'\n\(Did you mean --simulate\?\)/],
  [['run', 'x.jsonl', '--retries', 'many'], /^Error: option '--retries <n>' argument 'many' is invalid\. Write a whole number\./],
  [['run', 'x.jsonl', '--follow-up-on', 'success'], /is invalid\. Choose among succeeded, errored, canceled, expired\./],
  [['run', 'x.jsonl', '--simulate', '--follow-up-on', 'errored'], /^Error: --follow-up-on says for which outcomes, but not which workflow/],
  [['run', 'missing.jsonl', '--simulate'], /^Error: .*missing\.jsonl.*/],
];

test.each(rowsOfThisForm(wrongUsage, furtherWrongUsage))('%j is wrong usage', async (args, message) => {
  expect(await world.run(args)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
});

test('without a command the help goes to stderr', async () => {
  expect(await world.run([])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Usage: message-batches [\s\S]*\nError: Say which command to run\.\n$/) });
});

test.each([
  [['runn', '--json'], 'usage'],
  [['run', 'x.jsonl', '--json'], 'no_key'],
  [['status', 'nonsense', '--json'], 'job_not_found'],
  [['wait', '--json'], 'no_job'],
])('%j: the error is the document on stdout', async (args, errorCode) => {
  const { code, stdout, stderr } = await world.run(args);
  expect(code).toBe(1);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ error: { code: errorCode, message: expect.any(String), hint: expect.any(String) } });
});

test('bad lines: the first twenty, then a count; as JSON too', async () => {
  await world.file('many.jsonl', 'not json\n'.repeat(30));
  const text = await world.run(['run', 'many.jsonl', '--simulate']);
  expect(text.code).toBe(1);
  expect(text.stderr.match(/^ {2}line \d+:/gm)).toHaveLength(20);
  expect(text.stderr).toMatch(/30 lines are wrong[\s\S]*\n {2}and 10 more\n/);
  const { error, problems, problem_count: count } = JSON.parse((await world.run(['run', 'many.jsonl', '--simulate', '--json'])).stdout);
  expect(error.code).toBe('input_invalid');
  expect(problems[0]).toEqual({ line: 1, message: expect.any(String), hint: expect.any(String) });
  expect([problems.length, count]).toEqual([20, 30]);
});

test('check of standard input leaves no copy, and names no file of its own', async () => {
  const content = '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}}\n';
  const before = await readdir(world.home).catch(() => []);
  expect(await world.run(['check', '-'], {}, content)).toEqual({ code: 0, stdout: expect.stringMatching(/^Standard input can be sent: 1 request in 1 batch, .*\ndisk .*\ntokens .*\nno price m, in the table of [\d-]+\nSend it: pipe it into message-batches run -\n$/), stderr: '' });
  for (const bad of ['', 'not json\n']) {
    const { code, stderr } = await world.run(['check', '-'], {}, bad);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: .*Standard input/);
    expect(stderr).not.toContain(world.folder);
  }
  expect((await readdir(world.home)).filter((name) => name === 'inputs' || name.startsWith('.check'))).toEqual(before.filter((name) => name === 'inputs'));
});

test('a file where the output folder would be', async () => {
  await world.file('taken', 'mine');
  expect(await world.run(['run', 'x.jsonl', '--simulate', '--output', 'taken'])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: taken is a file, not a folder\.\nNothing was sent\. .*--output DIR/) });
});

test('--quiet leaves the answer, and errors', async () => {
  const input = await world.input('quiet', 5);
  for (const flag of ['--quiet', '-q']) expect(await world.run(['run', input, '--simulate', '--dry-run', flag])).toEqual({ code: 0, stdout: expect.stringMatching(/^Dry run: nothing was sent\./), stderr: '' });
  const refused = { code: 1, stdout: '', stderr: expect.stringMatching(/^Error: .*missing\.jsonl/) };
  expect(await world.run(['run', 'missing.jsonl', '--simulate', '-q'])).toEqual(refused);
  // A build server is no terminal: no colours there either.
  expect(await world.run(['run', 'missing.jsonl', '--simulate', '-q'], { CI: 'true' })).toEqual(refused);
});

test('a dry run says what would be sent, and starts nothing', async () => {
  const input = await world.input('dry', 5);
  const text = await world.run(['run', input, '--simulate', '--dry-run']);
  expect(text).toEqual({ code: 0, stdout: expect.stringMatching(/^Dry run: nothing was sent\./), stderr: expect.stringMatching(/^Would send: 5 requests in 1 batch, \d+ B, to the simulator\njob +sim_\w+\noutputs +dry\.simulated\ndisk +\S+ kB to \S+ kB, at the outputs\ntokens +about \d+ to \d+ in, \d+ to \d+ out .*\ncost +\$0\.\d+ to \$0\.\d+ at the batch prices of [\d-]+; at most \$0\.\d+ \(simulated: nothing is paid\)\n$/) });
  const { stdout } = await world.run(['run', input, '--simulate', '--dry-run', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ dry_run: true, job_id: expect.stringMatching(/^sim_/), batches: 1, input: { requests: 5 } });
  expect((await world.run(['status'])).stdout).toMatch(/^There is no job yet/);
});
