/** `prepare` as a person or a script runs it, and the README's example with it. */
import { execFile } from 'node:child_process';
import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { CliWorld } from './support/cli-world';
import { rowsOfThisForm } from '../support/long-form';

const ROOT = join(__dirname, '..', '..');
const ROWS = 'id,question,topic\nq-1,What is 1 + 1?,sums\nq-2,"What is ""2,0"" + 2?",sums\n';
const SHAPE = ['--model', 'm', '--max-tokens', '9', '--prompt', 'Solve: {{question}}'];

let world: CliWorld;
beforeAll(async () => void (world = await CliWorld.create()));
beforeEach(async () => void (await world.file('rows.csv', ROWS)));
afterAll(() => world.close());

const read = (name: string) => readFile(join(world.folder, name), 'utf8');
const request = (id: string, question: string) => `{"custom_id":"${id}","params":{"model":"m","max_tokens":9,"messages":[{"role":"user","content":${JSON.stringify(`Solve: ${question}`)}}]}}\n`;
const REQUESTS = request('row-1', 'What is 1 + 1?') + request('row-2', 'What is "2,0" + 2?');
/** Nothing is left behind where the rows were looked at. */
const leftInHome = async () => (await readdir(world.home).catch(() => [])).filter((name) => name.startsWith('.prepare'));

test('to stdout, of a file or of standard input; what is said goes to stderr', async () => {
  const said = /^2 requests of 2 rows of rows\.csv, 252 B\nSend it: pipe it into message-batches run -\n$/;
  expect(await world.run(['prepare', 'rows.csv', ...SHAPE])).toEqual({ code: 0, stdout: REQUESTS, stderr: expect.stringMatching(said) });
  expect(await world.run(['prepare', '-', ...SHAPE, '--json'], {}, ROWS)).toEqual({ code: 0, stdout: REQUESTS, stderr: expect.stringContaining('2 rows of Standard input') });
  expect(await leftInHome()).toEqual([]);
});

test('into a file, which is replaced only with --force, and checks as an input', async () => {
  const args = ['prepare', 'rows.csv', ...SHAPE, '--output', 'out.jsonl'];
  const first = await world.run([...args, '--json']);
  expect(first.code).toBe(0);
  expect(JSON.parse(first.stdout)).toEqual({ format: 'csv', rows: 2, requests: 2, skipped: 0, empty_values: 0, bytes: 252, input: join(world.folder, 'rows.csv'), output: join(world.folder, 'out.jsonl') });
  expect(await read('out.jsonl')).toBe(REQUESTS);
  await writeFile(join(world.folder, 'out.jsonl'), 'mine');
  expect(await world.run(args)).toEqual({ code: 1, stdout: '', stderr: 'Error: out.jsonl exists already.\nChoose another name with --output FILE, or add --force to replace it.\n' });
  expect(await read('out.jsonl')).toBe('mine');
  expect(await world.run([...args, '--force'])).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining('→ out.jsonl\nSend it: message-batches run out.jsonl\n') });
  expect(await read('out.jsonl')).toBe(REQUESTS);
  expect((await world.run(['check', 'out.jsonl'])).stdout).toMatch(/^out\.jsonl can be sent: 2 requests/);
  await world.run([...args.slice(0, -1), 'out.jsonl.gz']);
  expect(gunzipSync(await readFile(join(world.folder, 'out.jsonl.gz'))).toString()).toBe(REQUESTS);
});

test('never over what it reads, by whatever name', async () => {
  await symlink(join(world.folder, 'rows.csv'), join(world.folder, 'link'));
  await link(join(world.folder, 'rows.csv'), join(world.folder, 'hard'));
  await world.file('params.json', '{}');
  await world.file('prompt.txt', '{{question}}');
  await mkdir(join(world.folder, 'folder'));
  for (const name of ['rows.csv', 'link', 'hard', './params.json', 'prompt.txt']) {
    const args = ['prepare', 'rows.csv', '--model', 'm', '--max-tokens', '9', '--prompt-file', 'prompt.txt', '--params', 'params.json', '--force', '--output', name];
    expect(await world.run(args)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: .* is the input\./) });
  }
  expect(await read('rows.csv')).toBe(ROWS);
  for (const [name, message] of [['folder', /is a folder/], ['none/out', /There is no folder none\./]] as const) {
    expect(await world.run(['prepare', 'rows.csv', ...SHAPE, '--output', name])).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  }
});

test('rows that are wrong: told by row and line, exit 1, nothing written, neither to stdout', async () => {
  await world.file('holes.csv', `id,question\n${'1,x\n'.repeat(3)}${'2,\n'.repeat(25)}`);
  for (const to of [[], ['--output', 'none.jsonl']]) {
    const { code, stdout, stderr } = await world.run(['prepare', 'holes.csv', ...SHAPE, ...to]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.match(/^ {2}row \d+ \(line \d+\): "question" is missing or empty\.$/gm)).toHaveLength(20);
    expect(stderr).toMatch(/^Error: holes\.csv makes no requests: there are 25 problems\.\n {2}row 4 \(line 5\)/);
    expect(stderr.match(/--missing skip/g)).toHaveLength(1);
    expect(stderr).toContain('\n  and 5 more\nNothing was written.');
  }
  expect(await readdir(world.folder)).not.toContain('none.jsonl');
  const { error, ...details } = JSON.parse((await world.run(['prepare', 'holes.csv', ...SHAPE, '--json'])).stdout) as { error: object };
  expect(error).toMatchObject({ code: 'input_invalid' });
  expect(details).toMatchObject({ problem_count: 25, problems: expect.arrayContaining([{ row: 4, line: 5, message: expect.any(String), hint: expect.any(String) }]) });
  expect(await world.run(['prepare', 'holes.csv', ...SHAPE, '--missing', 'skip'])).toMatchObject({ code: 0, stderr: expect.stringMatching(/^3 requests of 28 rows .*\n25 rows left out because a value is missing\n/) });
  expect(await world.run(['prepare', 'holes.csv', ...SHAPE, '--missing', 'empty'])).toMatchObject({ code: 0, stderr: expect.stringMatching(/^28 requests .*\n25 missing values replaced by nothing\n/) });
  expect(await leftInHome()).toEqual([]);
});

test('--dry-run shows the first request', async () => {
  const { code, stdout, stderr } = await world.run(['prepare', 'rows.csv', ...SHAPE, '--id-field', 'id', '--dry-run', '--output', 'dry.jsonl']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(/The first request:\n\{\n {2}"custom_id": "q-1",[\s\S]*"content": "Solve: What is 1 \+ 1\?"[\s\S]*Nothing was written\./);
  expect(await readdir(world.folder)).not.toContain('dry.jsonl');
});

/** `npm test` has one of each kind. */
type WrongUsage = [args: string[], message: RegExp];
const wrongUsage: WrongUsage[] = [
  [['--model', 'm', '--max-tokens', '9'], /^Error: The prompt is missing\./],
  [[...SHAPE, '--delimiter', '::'], /is invalid\. Write one character, or tab\./],
  [['--model', 'm', '--max-tokens', '9', '--prompt', '{{qestion}}'], /\nDid you mean question\? There are id, question, topic\.\n$/],
];
const furtherWrongUsage: WrongUsage[] = [
  [[...SHAPE, '--prompt-file', 'x'], /^Error: --prompt and --prompt-file say two things\./],
  [['--model', 'm', '--max-tokens', '9', '--prompt-file', 'nowhere.txt'], /^Error: .*nowhere\.txt does not exist\./],
  [['--model', 'm', '--max-tokens', 'many', '--prompt', 'x'], /is invalid\. Write a whole number of tokens\./],
  [['--max-tokens', '9', '--prompt', 'x'], /^Error: No model is named\.\nAdd --model NAME/],
  [[...SHAPE, '--missing', 'ignore'], /Allowed choices are error, skip, empty/],
  [[...SHAPE, '--params', 'rows.csv'], /^Error: rows\.csv is not JSON\./],
];

test.each(rowsOfThisForm(wrongUsage, furtherWrongUsage))('%j is wrong usage', async (args, message) => {
  expect(await world.run(['prepare', 'rows.csv', ...args])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
});

test('the example of the README: CSV in, CSV out', async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const block = /```sh\n(npx message-batches prepare [\s\S]*?)```/.exec(readme)![1]!;
  const cli = `${process.execPath} ${join(ROOT, 'dist', 'cli', 'main.js')}`;
  const script = block.replaceAll('npx message-batches', cli).replaceAll('examples/', `${join(ROOT, 'examples')}/`).replace(/( run \S+)/, '$1 --simulate');
  const env = { PATH: process.env['PATH'], TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'], MESSAGE_BATCHES_HOME: world.home };
  await promisify(execFile)('sh', ['-e', '-c', script], { cwd: world.folder, env });
  const answers = (await read('answers.csv')).split('\r\n');
  expect(answers).toHaveLength(5);
  expect(answers[0]).toBe('metadata.topic,text');
  expect(answers.slice(1, 4).map((line) => line.split(',')[0])).toEqual(['arithmetic', 'arithmetic', 'logic']);
  expect(answers.slice(1, 4).every((line) => line.split(',')[1] !== '')).toBe(true);
});
