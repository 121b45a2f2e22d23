/** Planning, claiming and merging where input and outputs lie in S3 (a real server). */
import { gzipSync } from 'node:zlib';
import { checkInput, claimOutput, createBody, mergeJob, outputFolder, partFolder, planRoundOne, type PlanOptions, readOwnIds, readResults, readRoundPlan, removeWorkFolder, splitPart } from '../../src/jobs';
import { BUCKET, S3Server } from '../support/s3-server';
import { bytesOf, collect } from '../storage/helpers';
import { closePart, errored, requestLine, requestLines, succeeded } from './helpers';

let server: S3Server;
let test = 0;
let key = '';

beforeAll(async () => {
  server = await S3Server.start();
}, 300_000);

afterAll(() => server.stop());

beforeEach(() => {
  key = `job-${++test}`;
});

afterEach(() => server.setFaults());

const location = (name: string) => `s3://${BUCKET}/${key}/${name}`;
const output = () => location('out');
const work = () => outputFolder(output()).workFolder;
const names = async () => (await server.list(`${key}/out/`)).map((object) => object.key.slice(`${key}/out/`.length));

async function plan(options: Partial<PlanOptions> = {}) {
  return planRoundOne({ input: location('requests.jsonl'), workFolder: work(), ...options });
}

async function putRequests(count: number): Promise<string[]> {
  const lines = requestLines(count);
  await server.put(`${key}/requests.jsonl`, lines.map((line) => `${line}\n`).join(''));
  return lines;
}

describe('an input', () => {
  it('is checked, plain and gzip', async () => {
    const text = requestLines(50).map((line) => `${line}\n`).join('');
    await server.put(`${key}/a.jsonl`, text);
    await server.put(`${key}/a.jsonl.gz`, gzipSync(text));
    const [plain, zipped] = [await checkInput(location('a.jsonl')), await checkInput(location('a.jsonl.gz'))];
    expect(plain).toMatchObject({ requests: 50, problemCount: 0 });
    expect(zipped).toEqual(plain);
  });

  it('that is not there, or a folder, is named', async () => {
    await expect(checkInput(location('none.jsonl'))).rejects.toMatchObject({ code: 'input_not_found', message: `There is no object ${location('none.jsonl')}.` });
    await putRequests(1);
    await expect(checkInput(`s3://${BUCKET}/${key}`)).rejects.toMatchObject({ code: 'input_not_a_file' });
    await expect(checkInput('s3://no-such-bucket/a.jsonl')).rejects.toMatchObject({ code: 'no_bucket' });
  });

  it('that cannot be read for a while is no bad input', async () => {
    await putRequests(1);
    await server.setFaults({ method: 'GET', contains: 'requests.jsonl', times: 100, status: 503 });
    await expect(checkInput(location('requests.jsonl'))).rejects.toMatchObject({ name: 'StorageError', passing: true });
  }, 60_000);
});

describe('a plan', () => {
  it('appears when its parts are there, and holds from then on', async () => {
    const lines = await putRequests(10);
    const planned = await plan({ maxRequests: 4 });
    expect(planned.parts.map((part) => part.requests)).toEqual([4, 4, 2]);
    const puts = (await server.calls()).filter((call) => call.startsWith('PUT') && call.includes(`/${key}/out/`));
    expect(puts.at(-1)).toContain('round-01/plan.json');
    expect((await server.get(`${key}/out/.parts/round-01/part-0002/requests.jsonl`)).toString()).toBe(lines.slice(4, 8).map((line) => `${line}\n`).join(''));
    expect(await plan({ maxRequests: 100 })).toEqual(planned);
  });

  it('that was not finished is none', async () => {
    await putRequests(10);
    await server.setFaults({ method: 'PUT', contains: 'plan.json', times: 100, status: 500 });
    await expect(plan()).rejects.toMatchObject({ passing: true });
    expect(await names()).toContain('.parts/round-01/part-0001/requests.jsonl');
    expect(await readRoundPlan(work(), 1)).toBeUndefined();
    await server.setFaults();
    expect((await plan()).requests).toBe(10);
  }, 60_000);

  it('of two at once is one', async () => {
    await putRequests(10);
    const [one, two] = await Promise.all([plan(), plan()]);
    expect(one).toEqual(two);
  });

  it('of an input that has changed is refused', async () => {
    await putRequests(10);
    await plan();
    await putRequests(11);
    await expect(plan()).rejects.toMatchObject({ code: 'input_changed' });
  });

  it('whose part a frozen attempt has overwritten with something else is never sent', async () => {
    await putRequests(10);
    const planned = await plan({ maxRequests: 4 });
    const body = () => bytesOf(createBody(partFolder(work(), 1, 1), planned.parts[0]!).chunks());
    expect((await body()).length).toBe(planned.parts[0]!.bodyBytes);
    await server.put(`${key}/out/.parts/round-01/part-0001/requests.jsonl`, requestLines(3).map((line) => `${line}\n`).join(''));
    await expect(body()).rejects.toMatchObject({ code: 'changed' });
  });
});

describe('an output', () => {
  it('belongs to one job', async () => {
    const jobs = ['job-a', 'job-b', 'job-c'];
    const claims = await Promise.allSettled(jobs.map((id) => claimOutput(output(), id, { inputBytes: 1e15, storageId: '00000000' })));
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const owner = (JSON.parse((await server.get(`${key}/out/.parts/job.json`)).toString()) as { job_id: string }).job_id;
    await claimOutput(output(), owner, { storageId: '00000000' });
    await expect(claimOutput(output(), 'job-d')).rejects.toMatchObject({ code: 'output_taken', message: expect.stringContaining(owner) });
    await expect(claimOutput(output(), owner, { storageId: '11111111' })).rejects.toMatchObject({ code: 'output_taken' });
  });

  it('is not taken where somebody\'s own results lie, or an object of that name', async () => {
    await server.put(`${key}/out/results.jsonl`, 'mine');
    await expect(claimOutput(output(), 'job-a')).rejects.toMatchObject({ code: 'output_taken', message: expect.stringContaining('results.jsonl') });
    await server.put(`${key}/object`, 'x');
    await expect(claimOutput(location('object'), 'job-a')).rejects.toMatchObject({ code: 'output_not_a_folder' });
  });

  it('ends with one outcome for every request, and without working data', async () => {
    const lines = await putRequests(6);
    await claimOutput(output(), 'job-a');
    const planned = await plan({ maxRequests: 4 });
    const results = [['q-1', 'q-0', 'q-3'].map((id) => succeeded(id)), [errored('q-4'), 'not json', succeeded('q-5')]];
    for (const [index, of] of results.entries()) await closePart(work(), planned, index + 1, of);
    const merged = await mergeJob({ workFolder: work(), rounds: [planned], output: output() });
    expect(merged).toMatchObject({ outcomes: { succeeded: 4, errored: 1, missing: 1 }, results: 5, failedRequests: 1, missingRequests: 1, quarantined: 1 });
    expect((await collect(readResults(output()))).flat().map((line) => line.bytes.toString())).toEqual([...results[0]!, errored('q-4'), succeeded('q-5')]);
    expect((await server.get(`${key}/out/missing-requests.jsonl`)).toString()).toBe(`${lines[2]}\n`);
    await removeWorkFolder(output());
    expect(await names()).toEqual(['failed-requests.jsonl', 'missing-requests.jsonl', 'quarantine.jsonl', 'requests.index', 'results.index', 'results.jsonl']);
  });

  it('without results says so', async () => {
    await expect(collect(readResults(output()))).rejects.toMatchObject({ code: 'results_not_found' });
  });
});

it('ids that an attempt made which came to nothing do not count, and a part is cut in two', async () => {
  await server.put(`${key}/requests.jsonl`, ['{"params":{}}', requestLine('a'), requestLine('a')].map((line) => `${line}\n`).join(''));
  await expect(plan({ ids: 'generate', maxRequests: 1 })).rejects.toMatchObject({ code: 'input_invalid' });
  expect(await names()).toContain('.parts/round-01/part-0001/own-ids.jsonl');
  await putRequests(3);
  const planned = await plan({ maxRequests: 2 });
  expect(await readOwnIds(partFolder(work(), 1, 1), 2)).toBeUndefined();
  const halves = await splitPart({ workFolder: work(), round: 1, planned: planned.parts[0]!, numbers: [3, 4] });
  expect(await splitPart({ workFolder: work(), round: 1, planned: planned.parts[0]!, numbers: [5, 6] })).toEqual(halves);
  expect((await readRoundPlan(work(), 1))!.parts.map(({ part, splitInto }) => [part, splitInto])).toEqual([[1, [3, 4]], [2, undefined], [3, undefined], [4, undefined]]);
  const sent = JSON.parse((await bytesOf(createBody(partFolder(work(), 1, 4), halves[1]).chunks())).toString()) as { requests: { custom_id: string }[] };
  expect(sent.requests.map((request) => request.custom_id)).toEqual(['q-1']);
});
