import { EventEmitter, once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { type FollowUpInput, type FollowUpLine, type FollowUpSliceInput, followUpSliceWorkflowId, followUpWorkflowId, type JobReport, noOutcomes } from '../../../src/contract';
import { followUpFiles, JobFolder, mergeRetriedFollowUps, openRetry, readReference, readStoredRequest, recordEnds, retryFolder, selectFailedFollowUps, syncedRecords } from '../../../src/jobs';
import { useFolder } from '../../storage/helpers';
import { linesOfFile } from '../helpers';

const folder = useFolder();

const single = (id: string, status: FollowUpLine['status']): FollowUpLine => ({ custom_id: id, outcome: 'succeeded', ...(status !== 'completed' && { part: 2 }), status, workflow_id: followUpWorkflowId('j', 1, id) });
const slice: FollowUpLine = { slice: '1.3.7', custom_ids: ['d', 'e'], status: 'timed_out', workflow_id: followUpSliceWorkflowId('j', 1, 3, 7) };
const OLD = [single('a', 'completed'), single('b', 'failed'), single('c', 'failed'), slice];
const IDS = ['a', 'b', 'c', 'd', 'e'];
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const jsonl = (values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** The outputs of a job that has ended. */
async function ended(old: FollowUpLine[] = OLD, ids = IDS): Promise<{ report: JobReport; job: JobFolder; output: string }> {
  const output = join(folder.path, 'out');
  mkdirSync(output);
  const input = jsonl(ids.map((id) => ({ custom_id: id, params: { model: 'm' }, metadata: { of: id } })));
  writeFileSync(join(folder.path, 'in.jsonl'), input);
  writeFileSync(join(output, 'results.jsonl'), jsonl([...ids].reverse().map((id) => ({ custom_id: id, result: { type: 'succeeded', message: { id } } }))));
  writeFileSync(join(output, 'follow-ups.jsonl'), jsonl(old));
  const report = {
    job_id: 'j',
    status: 'finished',
    outcomes: { ...noOutcomes(), succeeded: ids.length },
    output,
    input: { path: join(folder.path, 'in.jsonl'), sha256: sha256(input), requests: ids.length },
    follow_ups: { selected: 4, started: 4, succeeded: 1, failed: 3, options: { workflow: 'any' }, file: { bytes: Buffer.byteLength(jsonl(old)), sha256: sha256(jsonl(old)) } },
  } as unknown as JobReport;
  const job = new JobFolder(join(folder.path, 'home'), 'j');
  await syncedRecords.replace(join(output, 'report.json'), report);
  await job.writeReport(report);
  return { report, job, output };
}

const selectFailed = (report: JobReport) => selectFailedFollowUps({ report, attempt: 1, activityTaskQueue: 'files' });
const withEnds = (report: JobReport) =>
  recordEnds(retryFolder(report.output, 1).part, '1-r-1', [
    { workflowId: single('b', 'failed').workflow_id, status: 'completed', value: { valid: false, reason: 'schema' } },
    { workflowId: single('c', 'failed').workflow_id, status: 'not_started' },
    { workflowId: slice.workflow_id, status: 'completed', value: { valid: 2, invalid: 0, reasons: {} } },
  ]);
const NEW = [OLD[0], { custom_id: 'b', outcome: 'succeeded', status: 'completed', value: { valid: false, reason: 'schema' }, workflow_id: OLD[1]!.workflow_id }, OLD[2], { slice: '1.3.7', custom_ids: ['d', 'e'], status: 'completed', value: { valid: 2, invalid: 0, reasons: {} }, workflow_id: slice.workflow_id }];
const written = (output: string) => linesOfFile(join(output, 'follow-ups.jsonl')).map((line) => JSON.parse(line) as FollowUpLine);

it('lists those that did not complete as they were started, with results, requests and metadata that can be read', async () => {
  const { report } = await ended();
  const { shards, isKnown } = await selectFailed(report);
  expect([shards.map(({ count }) => count), isKnown]).toEqual([[3], false]);
  const { list } = followUpFiles(retryFolder(report.output, 1).part);
  const [b, , de] = linesOfFile(list).map((line) => JSON.parse(line) as FollowUpInput & FollowUpSliceInput);
  expect(b).toMatchObject({ jobId: 'j', round: 1, part: 2, customId: 'b', outcome: 'succeeded', metadata: { of: 'b' }, activityTaskQueue: 'files' });
  expect(JSON.parse((await readReference(b!.result)).toString())).toMatchObject({ custom_id: 'b' });
  expect(await readStoredRequest(b!.request!)).toEqual({ custom_id: 'b', params: { model: 'm' }, metadata: { of: 'b' } });
  expect(de).toMatchObject({ round: 1, part: 3, slice: 7, count: 2 });
  const inSlice = (await readReference(de!.results)).toString().trimEnd().split('\n').map((line) => JSON.parse(line) as FollowUpInput);
  expect(inSlice.map(({ customId, metadata }) => [customId, metadata])).toEqual([['d', { of: 'd' }], ['e', { of: 'e' }]]);
  // Again it is the same one, although the input is another by now.
  writeFileSync(report.input.path, 'changed');
  expect(await selectFailed(report)).toEqual({ shards, isKnown: true });
});

it('says of each, beside what it gets, of which batch its result is, where that is known', async () => {
  const older = { ...single('c', 'failed'), part: undefined };
  const { report } = await ended([OLD[0]!, OLD[1]!, older, slice]);
  await selectFailedFollowUps({ report, attempt: 1, activityTaskQueue: 'files', batchIdOf: async (round, part) => (part === 2 || part === 1 ? `msgbatch_${round}.${part}` : undefined) });
  const lines = linesOfFile(followUpFiles(retryFolder(report.output, 1).part).list).map((line) => JSON.parse(line) as FollowUpInput & { batchId?: string });
  expect(lines.map(({ part, batchId }) => [part, batchId])).toEqual([[2, 'msgbatch_1.2'], [1, undefined], [3, undefined]]);
});

it('finds round and request of any id that an input may have', async () => {
  const ids = ['a/b', '2024 report', '7/8/9', 'ü'];
  const { report } = await ended(ids.map((id) => single(id, 'failed')), ids);
  await selectFailed({ ...report, input: { ...report.input, generated_ids: 'request-' } });
  const listed = linesOfFile(followUpFiles(retryFolder(report.output, 1).part).list).map((line) => JSON.parse(line) as FollowUpInput);
  expect(listed.map(({ round, customId, metadata }) => [round, customId, metadata])).toEqual(ids.map((id) => [1, id, { of: id }]));
});

it('gives each its own, in the order of the lines, however the input is ordered and however large its requests are', async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `r-${index}`);
  const prompt = 'x'.repeat(1_000_000);
  const ofIds = (id: string): object => ({ custom_id: id, params: { prompt }, metadata: { of: id } });
  const { report } = await ended([...ids].reverse().map((id, index) => single(id, index % 3 ? 'failed' : 'completed')), ids);
  const input = jsonl(ids.map(ofIds));
  writeFileSync(report.input.path, input);
  report.input.sha256 = sha256(input);
  await selectFailed(report);
  const listed = linesOfFile(followUpFiles(retryFolder(report.output, 1).part).list).map((line) => JSON.parse(line) as FollowUpInput);
  expect(listed.map(({ customId }) => customId)).toEqual(['r-10', 'r-9', 'r-7', 'r-6', 'r-4', 'r-3', 'r-1', 'r-0']);
  for (const { customId, metadata, result, request } of listed) {
    expect(metadata).toEqual({ of: customId });
    expect(JSON.parse((await readReference(result)).toString())).toMatchObject({ custom_id: customId });
    expect(await readStoredRequest(request!)).toEqual(ofIds(customId));
  }
});

it('refuses results in which one is missing, and leaves no list', async () => {
  const { report, output } = await ended();
  const results = readFileSync(join(output, 'results.jsonl'), 'utf8');
  writeFileSync(join(output, 'results.jsonl'), results.replace(/^.*"custom_id":"c".*\n/m, ''));
  await expect(selectFailed(report)).rejects.toMatchObject({ code: 'outputs_changed', message: expect.stringContaining('it has no result of c') });
  expect(existsSync(retryFolder(report.output, 1).output)).toBe(false);
});

it('refuses a line that names no result', async () => {
  const { report } = await ended([...OLD, { ...single('a', 'failed'), custom_id: undefined }]);
  await expect(selectFailed(report)).rejects.toMatchObject({ code: 'outputs_changed', message: expect.stringContaining('is no follow-up of this job') });
});

it('lists one whose result was counted although it is no JSON throughout', async () => {
  const { report, output } = await ended();
  const odd = '{"custom_id":"b","result":{"type":"succeeded","message":{"model":"m","content":[{"type":"text","text":"a raw\ttab"}],"usage":{"input_tokens":1,"output_tokens":1}}}}\n';
  const results = readFileSync(join(output, 'results.jsonl'), 'utf8');
  writeFileSync(join(output, 'results.jsonl'), results.replace(/^.*"custom_id":"b".*\n/m, odd));
  expect((await selectFailed(report)).shards.map(({ count }) => count)).toEqual([3]);
});

it('refuses an input that has changed, and leaves no list', async () => {
  const { report } = await ended();
  writeFileSync(report.input.path, jsonl(IDS.map((id) => ({ custom_id: id, params: { model: 'n' } }))));
  await expect(selectFailed(report)).rejects.toMatchObject({ code: 'metadata_gone', hint: expect.stringContaining('--input') });
  expect(existsSync(followUpFiles(retryFolder(report.output, 1).part).record)).toBe(false);
});

it('replaces the lines of those that ran, keeps all others, and both reports tell of it', async () => {
  const { report, job, output } = await ended();
  await selectFailed(report);
  await withEnds(report);
  const followUps = await mergeRetriedFollowUps(job, report, 1);
  expect(written(output)).toEqual(NEW);
  expect(followUps).toMatchObject({ selected: 4, started: 4, succeeded: 3, failed: 1, answers: { valid: 2, invalid: 1, reasons: { schema: 1 } }, retries: 1, options: { workflow: 'any' } });
  expect([await job.readReport(), await syncedRecords.read(join(output, 'report.json'))]).toEqual([{ ...report, follow_ups: followUps }, { ...report, follow_ups: followUps }]);
  expect(existsSync(join(output, '.parts'))).toBe(false);
});

it('a job that was canceled while its follow-ups ran is so no longer when these have completed', async () => {
  const before = await ended();
  const report: JobReport = { ...before.report, status: 'canceled', follow_ups: { ...before.report.follow_ups!, failed: 1, canceled: 2 } };
  await before.job.writeReport(report);
  await selectFailed(report);
  await withEnds(report);
  const followUps = await mergeRetriedFollowUps(before.job, report, 1);
  expect(JSON.parse(JSON.stringify(followUps))).not.toHaveProperty('canceled');
  expect(await before.job.readReport()).toMatchObject({ status: 'finished', follow_ups: { succeeded: 3, failed: 1 } });
});

it.each([0, 1, 2])('stopped before record %i and run again, it comes to the same', async (stopAt) => {
  const { report, job, output } = await ended();
  await selectFailed(report);
  await withEnds(report);
  let records = 0;
  const stopping = new JobFolder(join(folder.path, 'home'), 'j', {
    ...syncedRecords,
    replace: async (path, value) => {
      if (records++ === stopAt) throw new Error('killed');
      await syncedRecords.replace(path, value);
    },
  });
  const first = await mergeRetriedFollowUps(stopping, report, 1).catch((error: Error) => error.message);
  expect(first === 'killed').toBe(stopAt < 2);
  const followUps = await mergeRetriedFollowUps(job, report, 1);
  expect(written(output)).toEqual(NEW);
  expect(followUps).toMatchObject({ succeeded: 3, failed: 1, retries: 1, file: { sha256: sha256(readFileSync(join(output, 'follow-ups.jsonl'), 'utf8')) } });
  expect(await job.readReport()).toEqual(await syncedRecords.read(join(output, 'report.json')));
});

it.each([2, 3, 4])('a worker that was frozen before look %i while others merged this attempt and the next one changes nothing afterwards', async (look) => {
  const { report, job, output } = await ended();
  await selectFailed(report);
  await withEnds(report);
  const events = new EventEmitter();
  const [frozen, thawed] = [once(events, 'frozen'), once(events, 'thawed')];
  let reads = 0;
  // Frozen right before it looks whether somebody else has done it: before each of the three that it writes.
  const slow = new JobFolder(join(folder.path, 'home'), 'j', { ...syncedRecords, read: async <T>(path: string): Promise<T | undefined> => {
    if (path.startsWith(job.folder) && ++reads === look) {
      events.emit('frozen');
      await thawed;
    }
    return syncedRecords.read<T>(path);
  } });
  const late = mergeRetriedFollowUps(slow, report, 1);
  await frozen;
  await mergeRetriedFollowUps(job, report, 1);
  const second = (await job.readReport())!;
  await selectFailedFollowUps({ report: second, attempt: 2, activityTaskQueue: 'files' });
  await recordEnds(retryFolder(output, 2).part, '1-r-1', [{ workflowId: single('c', 'failed').workflow_id, status: 'completed' }]);
  await mergeRetriedFollowUps(job, second, 2);
  copyFileSync(join(output, 'report.json'), join(folder.path, 'kept.json'));
  events.emit('thawed');
  await late.catch(() => undefined);
  expect(written(output)).toEqual([NEW[0], NEW[1], single('c', 'completed'), NEW[3]]);
  expect((await job.readReport())?.follow_ups).toMatchObject({ succeeded: 4, failed: 0, retries: 2 });
  expect(readFileSync(join(output, 'report.json'), 'utf8')).toBe(readFileSync(join(folder.path, 'kept.json'), 'utf8'));
});

it('a worker that was frozen while the outputs became those of another job leaves these alone', async () => {
  const { report, job, output } = await ended();
  await selectFailed(report);
  await withEnds(report);
  let reads = 0;
  const frozen = new JobFolder(join(folder.path, 'home'), 'j', { ...syncedRecords, read: async <T>(path: string): Promise<T | undefined> => {
    if (path.startsWith(job.folder) && ++reads === 2) {
      await syncedRecords.replace(join(output, 'report.json'), { job_id: 'other' });
      writeFileSync(join(output, 'follow-ups.jsonl'), 'theirs');
    }
    return syncedRecords.read<T>(path);
  } });
  await expect(mergeRetriedFollowUps(frozen, report, 1)).rejects.toMatchObject({ code: 'outputs_changed' });
  expect(readFileSync(join(output, 'follow-ups.jsonl'), 'utf8')).toBe('theirs');
  expect(await syncedRecords.read(join(output, 'report.json'))).toEqual({ job_id: 'other' });
  expect((await job.readReport())?.follow_ups).not.toHaveProperty('retries');
});

it('a file that somebody has changed is refused before anything runs; a line torn later, before anything is written', async () => {
  const { report, job, output } = await ended();
  const path = join(output, 'follow-ups.jsonl');
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, whole.replace('timed_out', 'completed'));
  await expect(selectFailed(report)).rejects.toMatchObject({ code: 'outputs_changed', hint: expect.stringContaining('copy') });
  expect(existsSync(followUpFiles(retryFolder(output, 1).part).record)).toBe(false);
  writeFileSync(path, whole);
  await selectFailed(report);
  await withEnds(report);
  writeFileSync(path, whole.slice(0, -10));
  await expect(mergeRetriedFollowUps(job, report, 1)).rejects.toMatchObject({ code: 'outputs_changed' });
  writeFileSync(path, whole);
  await mergeRetriedFollowUps(job, report, 1);
  expect(written(output)).toEqual(NEW);
});

it('an attempt is open from its list on until it stands in the report', async () => {
  const { report, job } = await ended();
  expect(await openRetry(report)).toBeUndefined();
  await selectFailed(report);
  expect(await openRetry(report)).toBe(1);
  expect(await openRetry({ ...report, job_id: 'other' })).toBeUndefined();
  await withEnds(report);
  await mergeRetriedFollowUps(job, report, 1);
  expect(await openRetry((await job.readReport())!)).toBeUndefined();
});

it('where its working data is gone it says so and changes nothing; canceled, all lines stay as they are', async () => {
  const { report, job, output } = await ended();
  await selectFailed(report);
  rmSync(join(output, '.parts'), { recursive: true });
  await expect(mergeRetriedFollowUps(job, report, 1)).rejects.toMatchObject({ name: 'StorageError', missing: true, message: expect.stringContaining('is gone'), hint: expect.stringContaining('retry-follow-ups j --cancel') });
  expect(await job.readReport()).toEqual(report);
  expect(await mergeRetriedFollowUps(job, report, 1, { isCanceled: true })).toMatchObject({ succeeded: 1, failed: 3, retries: 1 });
  expect(written(output)).toEqual(OLD);
});

it('a worker that finds the working data gone because another one has merged it meanwhile tells what that came to', async () => {
  const { report, job, output } = await ended();
  await selectFailed(report);
  await withEnds(report);
  let theirs: unknown;
  const late = new JobFolder(join(folder.path, 'home'), 'j', { ...syncedRecords, read: async <T>(path: string): Promise<T | undefined> => {
    const read = await syncedRecords.read<T>(path);
    if (path.startsWith(job.folder)) theirs ??= await mergeRetriedFollowUps(job, report, 1);
    return read;
  } });
  expect(await mergeRetriedFollowUps(late, report, 1)).toEqual(theirs);
  expect(written(output)).toEqual(NEW);
});
