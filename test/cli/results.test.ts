/** `results` in all its forms, of a job that has ended. Needs no server: the job is made of its files. */
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { errored, requestLine } from '../jobs/helpers';
import { type EndedJob, endedJob, putInHome } from '../jobs/results/helpers';
import { CliWorld } from './support/cli-world';
import { LONG, rowsOfThisForm } from '../support/long-form';

let world: CliWorld;
let job: EndedJob;

const answer = (customId: string, text: string) =>
  JSON.stringify({ custom_id: customId, result: { type: 'succeeded', message: { model: 'claude-haiku-5-5', content: [{ type: 'text', text }], stop_reason: 'end_turn', usage: { input_tokens: 10, output_tokens: 5 } } } });
const LINES = { c: answer('c', '=1+1'), a: answer('a', 'One, "two"'), b: errored('b') };

beforeEach(async () => {
  world = await CliWorld.create();
  const lines = [requestLine('a', 'Hi', { topic: 'maths' }), requestLine('b'), requestLine('c'), requestLine('d')];
  job = await endedJob(world.folder, lines, [[[LINES.c, LINES.a, LINES.b]]]);
  await putInHome(world.home, job);
});
afterEach(() => world.close());

const results = (...args: string[]) => world.run(['results', 'job_ended', ...args]);
const ofResult = (line: string) => line.slice(line.indexOf('"result":'), -1);
const ofRequest = (line: string) => line.slice(line.indexOf('"params":'), -1);

describe('prints', () => {
  const cells: [string, string[], () => string][] = [
    ['all, byte for byte', [], () => readFileSync(join(job.output, 'results.jsonl'), 'utf8')],
    ['some by their ids', ['--id', 'a', '--id', 'c'], () => `${LINES.a}\n${LINES.c}\n`],
    ['in the order of the input', ['--order', 'input'], () => `${LINES.a}\n${LINES.b}\n${LINES.c}\n`],
    ['CSV', ['--format', 'csv', '--order', 'input'], () => 'custom_id,outcome,text,stop_reason,model,input_tokens,output_tokens,error\r\na,succeeded,"One, ""two""",end_turn,claude-haiku-5-5,10,5,\r\nb,errored,,,,,,invalid_request_error: No\r\nc,succeeded,=1+1,end_turn,claude-haiku-5-5,10,5,\r\n'],
    ['CSV for a spreadsheet', ['--format', 'csv', '--id', 'c', '--fields', 'custom_id,text', '--escape-formulas'], () => "custom_id,text\r\nc,'=1+1\r\n"],
    ['text', ['--format', 'text', '--order', 'input'], () => '=== a: succeeded ===\nOne, "two"\n\n=== b: errored ===\n[errored: invalid_request_error: No]\n\n=== c: succeeded ===\n=1+1\n\n'],
    ['the text alone of a single one', ['--format', 'text', '--id', 'a'], () => 'One, "two"\n'],
    ['fields, also of the request', ['--fields', 'custom_id, metadata.topic,output_tokens', '--all'], () => '{"custom_id":"a","metadata.topic":"maths","output_tokens":5}\n{"custom_id":"b","metadata.topic":null,"output_tokens":null}\n{"custom_id":"c","metadata.topic":null,"output_tokens":5}\n{"custom_id":"d","metadata.topic":null,"output_tokens":null}\n'],
    [
      'results with their requests',
      ['--join', '--id', 'b'],
      () => `{"custom_id":"b",${ofRequest(requestLine('b'))},"metadata":null,${ofResult(LINES.b)}}\n`,
    ],
  ];
  test.each(cells)('%s', async (_, args, stdout) => {
    expect(await results(...args)).toEqual({ code: 0, stdout: stdout(), stderr: '' });
  });
});

describe('refuses', () => {
  const wrong: [string[], RegExp][] = [
    [['--join', '--format', 'csv'], /^Error: --join is for JSONL\.\nName the columns instead/],
    [['--fields', 'txt'], /^Error: There is no field "txt"\.\nDid you mean text\? There are custom_id, /],
    [['--id', 'a', '--all'], /^Error: --id names requests, and --all means all of them\./],
    [['--format', 'csv', '--json'], /^Error: --json prints JSON, not csv\./],
    [['--output', 'output/results.jsonl'], /^Error: output\/results\.jsonl belongs to the job itself\./],
  ];
  const furtherWrong: [string[], RegExp][] = [
    [['--join', '--format', 'text'], /^Error: --join is for JSONL\./],
    [['--join', '--fields', 'text'], /^Error: --join and --fields say two different things\./],
    [['--join', '--order', 'results'], /^Error: Results come in the order of the input where it is read\./],
    [['--fields', 'metadata', '--order', 'results'], /^Error: Results come in the order of the input/],
    [['--fields', 'text', '--format', 'text'], /^Error: --format text has no fields\./],
    [['--format', 'xml'], /^Error: option '--format <format>' argument 'xml' is invalid\. Allowed choices are jsonl, csv, text\./],
    [['--escape-formulas'], /^Error: --escape-formulas is for CSV\./],
    [['--id', 'a', '--order', 'input'], /^Error: The results of --id come in the order they are named in\./],
    [['--input', 'x.jsonl'], /^Error: --input is of no use here/],
    [['--output', 'none/x.csv', '--format', 'csv'], /^Error: There is no folder none\./],
  ];
  test.each(rowsOfThisForm(wrong, furtherWrong))('%j', async (args, stderr) => {
    const ended = await results(...args);
    expect({ code: ended.code, stdout: args.includes('--json') ? '' : ended.stdout }).toEqual({ code: 1, stdout: '' });
    expect(args.includes('--json') ? `Error: ${(JSON.parse(ended.stdout) as { error: { message: string } }).error.message}` : ended.stderr).toMatch(stderr);
  });
});

test('names ids without a result, and prints the others', async () => {
  expect(await results('--id', 'd', '--id', 'a', '--id', 'x')).toEqual({ code: 1, stdout: `${LINES.a}\n`, stderr: expect.stringMatching(/^Error: Job job_ended has no result for d, x\.\nRequests without a result are in output\/failed-requests\.jsonl or output\/missing-requests\.jsonl\n$/) });
});

if (LONG) test('goes without the index, and says so', async () => {
  rmSync(join(job.output, 'results.index'));
  expect(await results('--id', 'a')).toEqual({ code: 0, stdout: `${LINES.a}\n`, stderr: expect.stringMatching(/results\.index is not there: reading all of .*results\.jsonl instead/) });
  expect(await results('--all', '--fields', 'custom_id,outcome')).toMatchObject({ code: 0, stdout: '{"custom_id":"a","outcome":"succeeded"}\n{"custom_id":"b","outcome":"errored"}\n{"custom_id":"c","outcome":"succeeded"}\n{"custom_id":"d","outcome":"missing"}\n' });
  expect(await results()).toMatchObject({ code: 0, stderr: '' });
});

test('an input that moved is named; one that has changed is refused, and leaves no file', async () => {
  renameSync(job.input, join(world.folder, 'moved.jsonl'));
  expect(await results('--join')).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: The input .*input\.jsonl is not there any more\.\nName the place .*--input FILE\.\n$/) });
  const moved = await results('--join', '--input', 'moved.jsonl');
  expect(moved).toMatchObject({ code: 0, stderr: '' });
  expect(moved.stdout.split('\n')).toHaveLength(4);
  writeFileSync(job.input, readFileSync(join(world.folder, 'moved.jsonl'), 'utf8').replace('maths', 'sums'));
  expect(await results('--join', '--output', 'joined.jsonl')).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: .*input\.jsonl is not the input that this job was made of: it has changed since\./) });
  expect(readdirSync(world.folder).filter((name) => name.startsWith('joined'))).toEqual([]);
});

test('a file that is there is replaced only with --force', async () => {
  writeFileSync(join(world.folder, 'notes.jsonl'), 'mine');
  expect(await results('--output', 'notes.jsonl')).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: notes\.jsonl exists already\.\nChoose another name with --output FILE, or add --force to replace it\.\n$/) });
  expect(readFileSync(join(world.folder, 'notes.jsonl'), 'utf8')).toBe('mine');
  expect(await results('--output', 'notes.jsonl', '--force')).toMatchObject({ code: 0 });
  expect(readFileSync(join(world.folder, 'notes.jsonl'))).toEqual(readFileSync(join(job.output, 'results.jsonl')));
  expect(await results('--force')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: --force replaces a file, and none is named\./) });
});

test('compresses: by the name of the file, or when asked to', async () => {
  expect(await results('--format', 'csv', '--fields', 'custom_id', '--output', 'ids.csv.gz', '--json')).toEqual({ code: 0, stdout: `{"job_id":"job_ended","output":"${join(world.folder, 'ids.csv.gz')}"}\n`, stderr: 'Wrote ids.csv.gz\n' });
  expect(gunzipSync(readFileSync(join(world.folder, 'ids.csv.gz'))).toString()).toBe('custom_id\r\nc\r\na\r\nb\r\n');
  expect(await results('--gzip', '--output', 'all')).toMatchObject({ code: 0 });
  expect(gunzipSync(readFileSync(join(world.folder, 'all')))).toEqual(readFileSync(join(job.output, 'results.jsonl')));
  const running = world.start(['results', 'job_ended', '--gzip']);
  const chunks: Buffer[] = [];
  running.child.stdout.removeAllListeners('data').setEncoding('latin1').on('data', (text: string) => chunks.push(Buffer.from(text, 'latin1')));
  await once(running.child, 'close');
  expect(gunzipSync(Buffer.concat(chunks))).toEqual(readFileSync(join(job.output, 'results.jsonl')));
});

describe('of many results', () => {
  // As many bytes in both forms: memory is held to the same.
  const COUNT = LONG ? 100_000 : 30_000;
  const text = 'Most answers are a paragraph or two. '.repeat(LONG ? 30 : 100);

  if (LONG) test('stays small in memory in every form, and ends quietly where nobody reads on', async () => {
    const many = await CliWorld.create();
    try {
      const lines = Array.from({ length: COUNT }, (_, i) => requestLine(`q-${i}`, text, { topic: `t-${i % 10}` }));
      const order = Array.from({ length: COUNT }, (_, i) => (i * 7919) % COUNT);
      await putInHome(many.home, await endedJob(many.folder, lines, [[order.map((i) => answer(`q-${i}`, text))]]));
      const peaks: Record<string, number> = {};
      for (const args of [[], ['--order', 'input'], ['--join'], ['--format', 'csv', '--fields', 'custom_id,text,metadata.topic'], ['--format', 'text', '--order', 'input']]) {
        const running = many.start(['results', 'job_ended', ...args], { NODE_OPTIONS: `--require ${join(__dirname, 'support', 'tell-peak-memory.js')}` });
        let bytes = 0;
        running.child.stdout.removeAllListeners('data').on('data', (chunk: string) => (bytes += chunk.length));
        const { code, stderr } = await running.ended();
        expect(code).toBe(0);
        expect(bytes).toBeGreaterThan(COUNT * text.length);
        peaks[args.join(' ')] = Number(/peak memory: (\d+) MB/.exec(stderr)![1]);
      }
      process.stderr.write(`peak memory in MB: ${JSON.stringify(peaks)}\n`);
      expect(Math.max(...Object.values(peaks))).toBeLessThan(180);

      for (const args of [[], ['--order', 'input'], ['--gzip'], ['--format', 'csv']]) {
        const running = many.start(['results', 'job_ended', ...args]);
        await once(running.child.stdout, 'data');
        running.child.stdout.destroy();
        expect(await running.ended()).toMatchObject({ code: 0, stderr: '' });
      }
    } finally {
      await many.close();
    }
  }, 180_000);
});
