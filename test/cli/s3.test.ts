/** The built command line with input and outputs in S3 (a real server). */
import { BUCKET, S3Server } from '../support/s3-server';
import { requestLines } from '../jobs/helpers';
import { CliWorld } from './support/cli-world';
import { LONG, rowsOfThisForm } from '../support/long-form';

let server: S3Server;
let world: CliWorld;

beforeAll(async () => {
  server = await S3Server.start();
  world = await CliWorld.create();
  await server.put('in/questions.jsonl', requestLines(5).map((line) => `${line}\n`).join(''));
}, 300_000);

afterAll(async () => {
  await world.close();
  await server.stop();
});

const INPUT = `s3://${BUCKET}/in/questions.jsonl`;
const keys = async (prefix: string) => (await server.list(prefix)).map(({ key }) => key);

test('check', async () => {
  const { code, stdout, stderr } = await world.run(['check', INPUT, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ input: { path: INPUT, requests: 5 }, batches: 1 });
});

test('run, again, status, and results by the output, on stdout and into the bucket', async () => {
  const first = await world.run(['run', INPUT, '--simulate', '--json']);
  expect(first).toMatchObject({ code: 0 });
  const output = `s3://${BUCKET}/in/questions.simulated`;
  expect(JSON.parse(first.stdout)).toMatchObject({ output, outcomes: { succeeded: 5 }, input: { path: INPUT } });
  expect(await keys('in/questions.simulated/')).toEqual(['in/questions.simulated/report.json', 'in/questions.simulated/requests.index', 'in/questions.simulated/results.index', 'in/questions.simulated/results.jsonl']);

  const again = await world.run(['run', INPUT, '--simulate']);
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`${output}/results.jsonl`), stderr: expect.stringContaining('has ended already') });
  expect(await world.run(['status', output])).toMatchObject({ code: 0, stdout: expect.stringContaining('5 of 5 requests succeeded') });

  const results = (await server.get('in/questions.simulated/results.jsonl')).toString();
  expect(await world.run(['results', INPUT])).toMatchObject({ code: 0, stdout: results });
  expect(await world.run(['results', `${output}/`, '--output', `s3://${BUCKET}/copy.jsonl`])).toMatchObject({ code: 0 });
  expect((await server.get('copy.jsonl')).toString()).toBe(results);
});

if (LONG) test('a file, with its outputs in a bucket', async () => {
  const file = await world.file('more.jsonl', requestLines(3, 'more').map((line) => `${line}\n`).join(''));
  const { code, stdout } = await world.run(['run', file, '--simulate', '--output', `s3://${BUCKET}/out/`, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ output: `s3://${BUCKET}/out`, outcomes: { succeeded: 3 } });
  expect(await keys('out/')).toEqual(['out/report.json', 'out/requests.index', 'out/results.index', 'out/results.jsonl']);

  const other = await world.run(['run', INPUT, '--simulate', '--id', 'other', '--output', `s3://${BUCKET}/out`]);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('belongs to job') });
  expect(await keys('out/')).toEqual(['out/report.json', 'out/requests.index', 'out/results.index', 'out/results.jsonl']);
});

type Refused = [what: string, input: string, env: Record<string, string>, code: string];
const refused: Refused[] = [
  ['an object that is not there', `s3://${BUCKET}/none.jsonl`, {}, 'input_not_found'],
  ['no credentials', INPUT, { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }, 'not_configured'],
];
const furtherRefused: Refused[] = [
  ['a bucket that is not there', 's3://no-such-bucket/in.jsonl', {}, 'no_bucket'],
  ['a server that cannot be reached', INPUT, { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }, 'unavailable'],
  ['no bucket at all', 's3://', {}, 'unsupported'],
];

test.each(rowsOfThisForm(refused, furtherRefused))('%s is an error that says what to do', async (_what, input, env, code) => {
  const ended = await world.run(['run', input, '--simulate', '--json'], env);
  expect(ended).toMatchObject({ code: 1 });
  expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code, message: expect.stringContaining(input), hint: expect.stringMatching(/./) } });
});

test('where nobody is in S3, its SDK is not loaded', async () => {
  await world.file('local.jsonl', `${requestLines(1)[0]}\n`);
  await world.file('loaded.js', `process.on('exit', () => console.error(Object.keys(require.cache).filter((path) => path.includes('client-s3')).length > 0))`);
  const env = { NODE_OPTIONS: '--require ./loaded.js' };
  expect(await world.run(['check', 'local.jsonl'], env)).toMatchObject({ code: 0, stderr: 'false\n' });
  expect(await world.run(['check', INPUT], env)).toMatchObject({ code: 0, stderr: 'true\n' });
});
