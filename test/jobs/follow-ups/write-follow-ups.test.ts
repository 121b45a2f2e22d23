import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiOutcome, type BatchReport, type FollowUpLine, followUpSliceWorkflowId, followUpWorkflowId, noOutcomes, noUsage } from '../../../src/contract';
import { buildReport, claimOutput, type FollowUpEnd, followUpFiles, type JobRecord, markUnsent, mergeJob, outputFolder, partFolder, planRetryRound, recordEnds, removeUnfinishedOutputs } from '../../../src/jobs';
import { useFolder } from '../../storage/helpers';
import { closePart, errored, linesOfFile, plannedJob, requestLine, requestLines, succeeded } from '../helpers';
import { select, type Selecting } from './helpers';

const folder = useFolder();

const end = (round: number, customId: string, status: FollowUpEnd['status'], more: Partial<FollowUpEnd> = {}): FollowUpEnd => ({ workflowId: followUpWorkflowId('j', round, customId), status, ...more });
const written = (output: string) => linesOfFile(outputFolder(output).followUps).map((line) => JSON.parse(line) as unknown);

it('writes a line for each follow-up in the order of rounds, parts and lists, and counts them', async () => {
  const { work, plan, output } = await plannedJob(folder.path, [requestLine('a'), requestLine('b'), requestLine('c'), requestLine('d')], { maxRequests: 2 });
  await closePart(work, plan, 1, [succeeded('b'), errored('a', 'overloaded_error')]);
  await closePart(work, plan, 2, [succeeded('d'), succeeded('c')]);
  const second = await planRetryRound({ workFolder: work, round: 2 });
  await closePart(work, second, 1, [succeeded('a')]);
  await select(work, 1, { round: 2 });
  for (const part of [1, 2]) await select(work, 2, { part, withoutRetryable: true });
  await recordEnds(partFolder(work, 2, 1), '1-r-1', [end(2, 'a', 'completed', { value: { good: true } })]);
  await recordEnds(partFolder(work, 1, 2), '1-r-1', [end(1, 'd', 'failed', { failure: { type: 'Bad', message: 'No' } })]);
  await recordEnds(partFolder(work, 1, 1), '1-r-1', [end(1, 'b', 'completed', { value: { valid: false, reason: 'schema' } })]);
  const merged = await mergeJob({ jobId: 'j', workFolder: work, rounds: [plan, second], output });
  expect(written(output)).toEqual([
    { custom_id: 'b', outcome: 'succeeded', status: 'completed', value: { valid: false, reason: 'schema' }, workflow_id: 'message-batches/follow-up/j/1/b' },
    { custom_id: 'c', outcome: 'succeeded', part: 2, status: 'not_started', workflow_id: 'message-batches/follow-up/j/1/c' },
    { custom_id: 'd', outcome: 'succeeded', part: 2, status: 'failed', failure: { type: 'Bad', message: 'No' }, workflow_id: 'message-batches/follow-up/j/1/d' },
    { custom_id: 'a', outcome: 'succeeded', status: 'completed', value: { good: true }, workflow_id: 'message-batches/follow-up/j/2/a' },
  ]);
  const bytes = readFileSync(outputFolder(output).followUps);
  expect(merged.followUps).toEqual({
    counts: { selected: 4, started: 3, succeeded: 2, failed: 1 },
    answers: { valid: 0, invalid: 1, reasons: { schema: 1 } },
    file: { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
    parts: new Set(['1.1', '1.2', '2.1']),
  });
  expect((await mergeJob({ jobId: 'j', workFolder: work, rounds: [plan, second], output })).followUps).toEqual(merged.followUps);
});

it('names the results of a slice', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(5));
  await closePart(work, plan, 1, requestLines(5).map((_, i) => succeeded(`q-${i}`)));
  await select(work, 5, { options: { per: 2 } });
  await recordEnds(partFolder(work, 1, 1), '1-r-1', [{ workflowId: followUpSliceWorkflowId('j', 1, 1, 2), status: 'completed', value: 7 }]);
  await mergeJob({ jobId: 'j', workFolder: work, rounds: [plan], output });
  expect(written(output)).toEqual([
    { slice: '1.1.1', custom_ids: ['q-0', 'q-1'], status: 'not_started', workflow_id: 'message-batches/follow-up-slice/j/1.1.1' },
    { slice: '1.1.2', custom_ids: ['q-2', 'q-3'], status: 'completed', value: 7, workflow_id: 'message-batches/follow-up-slice/j/1.1.2' },
    { slice: '1.1.3', custom_ids: ['q-4'], status: 'not_started', workflow_id: 'message-batches/follow-up-slice/j/1.1.3' },
  ]);
});

describe('results that were to be sent again', () => {
  const overloaded = (id: string) => errored(id, 'overloaded_error');
  const on: ApiOutcome[] = ['succeeded', 'errored'];

  /** Two rounds: of the first all but `a` could be sent again, of which the second has sent no others than `sent`. */
  async function twoRounds(sent: string[], selecting: Selecting) {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const { work, plan, output } = await plannedJob(folder.path, ids.map((id) => requestLine(id, 'Hi', { topic: id === 'e' ? 'other' : 'mine' })));
    await closePart(work, plan, 1, [overloaded('d'), succeeded('a'), overloaded('c'), overloaded('b'), overloaded('e')]);
    await select(work, 5, selecting);
    // One request a part: those that were not sent are unsent.
    const second = await planRetryRound({ workFolder: work, round: 2, maxRequests: 1 });
    for (const [index, id] of ['b', 'c', 'd', 'e'].entries()) {
      if (!sent.includes(id)) await markUnsent(partFolder(work, 2, index + 1), 1);
      else {
        await closePart(work, second, index + 1, [succeeded(id)]);
        await select(work, 1, { ...selecting, round: 2, part: index + 1 });
      }
    }
    return { place: partFolder(work, 1, 1), output, merge: () => mergeJob({ jobId: 'j', workFolder: work, rounds: [plan, second], output }) };
  }

  it('have a line where no round has sent them again, as far as they pass the filter', async () => {
    const { output, merge } = await twoRounds(['c'], { withoutRetryable: true, options: { on, where: { pointer: '/metadata/topic', equals: 'mine' } } });
    expect((await merge()).followUps!.counts).toEqual({ selected: 4, started: 0, succeeded: 0, failed: 0 });
    const left = { outcome: 'errored', part: 1, status: 'not_started' };
    expect(written(output)).toEqual([
      { custom_id: 'a', outcome: 'succeeded', part: 1, status: 'not_started', workflow_id: followUpWorkflowId('j', 1, 'a') },
      { custom_id: 'b', ...left, workflow_id: followUpWorkflowId('j', 1, 'b') },
      { custom_id: 'd', ...left, workflow_id: followUpWorkflowId('j', 1, 'd') },
      { custom_id: 'c', outcome: 'succeeded', part: 2, status: 'not_started', workflow_id: followUpWorkflowId('j', 2, 'c') },
    ]);
  });

  it('are looked into where the filter is about results', async () => {
    const { output, merge } = await twoRounds([], { withoutRetryable: true, options: { on, where: { pointer: '/result/error/error/type', equals: 'overloaded_error' } } });
    await merge();
    expect(written(output)).toMatchObject(['b', 'c', 'd', 'e'].map((id) => ({ custom_id: id, status: 'not_started' })));
  });

  it('have none where their outcome is not asked for', async () => {
    const { output, merge } = await twoRounds([], { withoutRetryable: true });
    await merge();
    expect(written(output)).toMatchObject([{ custom_id: 'a' }]);
  });

  it('stand in further slices of their part', async () => {
    const { output, merge } = await twoRounds(['c'], { withoutRetryable: true, options: { on, per: 2 } });
    expect((await merge()).followUps!.counts).toMatchObject({ selected: 4 });
    const line = (slice: string, ...ids: string[]) => ({ slice, custom_ids: ids, status: 'not_started', workflow_id: `message-batches/follow-up-slice/j/${slice}` });
    expect(written(output)).toEqual([line('1.1.1', 'a'), line('1.1.2', 'b', 'd'), line('1.1.3', 'e'), line('2.2.1', 'c')]);
  });

  it('have one line, of their final result, where they were followed up before more retries were allowed; what has completed stays', async () => {
    const { place, output, merge } = await twoRounds(['b', 'c'], { options: { on } });
    await recordEnds(place, '1-r-1', [end(1, 'b', 'completed'), end(1, 'c', 'failed'), end(1, 'd', 'failed')]);
    expect((await merge()).followUps!.counts).toEqual({ selected: 6, started: 2, succeeded: 1, failed: 1 });
    expect((written(output) as FollowUpLine[]).map(({ workflow_id: id, status }) => [id.slice(26), status])).toEqual([
      ['j/1/a', 'not_started'], ['j/1/b', 'completed'], ['j/1/d', 'failed'], ['j/1/e', 'not_started'], ['j/2/b', 'not_started'], ['j/2/c', 'not_started'],
    ]);
  });

  it('are taken out of a slice that did not complete where a further round has sent them', async () => {
    const { place, output, merge } = await twoRounds(['b', 'c', 'd'], { options: { on, per: 2 } });
    await recordEnds(place, '1-r-1', [{ workflowId: followUpSliceWorkflowId('j', 1, 1, 1), status: 'failed' }]);
    await merge();
    expect((written(output) as FollowUpLine[]).map(({ slice, custom_ids: ids, status }) => [slice, ids, status])).toEqual([
      ['1.1.1', ['a'], 'failed'], ['1.1.3', ['e'], 'not_started'], ['2.1.1', ['b'], 'not_started'], ['2.2.1', ['c'], 'not_started'], ['2.3.1', ['d'], 'not_started'],
    ]);
  });
});

it('is there without a line where none was selected, and not at all where the job has no follow-ups', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(1));
  await closePart(work, plan, 1, [errored('q-0')]);
  expect((await mergeJob({ jobId: 'j', workFolder: work, rounds: [plan], output })).followUps).toBeUndefined();
  expect(existsSync(outputFolder(output).followUps)).toBe(false);
  await select(work, 1);
  expect((await mergeJob({ jobId: 'j', workFolder: work, rounds: [plan], output })).followUps).toMatchObject({ counts: { selected: 0, started: 0 }, file: { bytes: 0 } });
  expect(readFileSync(outputFolder(output).followUps, 'utf8')).toBe('');
});

it('asks for a person where a list is not what it was, and keeps no half of a file', async () => {
  const { work, plan, output } = await plannedJob(folder.path, requestLines(1));
  await closePart(work, plan, 1, [succeeded('q-0')]);
  await select(work, 1);
  writeFileSync(followUpFiles(partFolder(work, 1, 1)).list, '');
  await expect(mergeJob({ jobId: 'j', workFolder: work, rounds: [plan], output })).rejects.toMatchObject({ code: 'changed' });
  expect(readdirSync(output).filter((name) => name.includes('follow-ups'))).toEqual([]);
});

it('belongs to the outputs: another job’s is not replaced, and what dead workers left of it is removed', async () => {
  const output = join(folder.path, 'other');
  await claimOutput(output, 'job');
  const torn = join(output, '.follow-ups.jsonl.0123456789ab.tmp');
  writeFileSync(torn, '{');
  await removeUnfinishedOutputs(output);
  expect(existsSync(torn)).toBe(false);
  writeFileSync(join(folder.path, 'follow-ups.jsonl'), '');
  await expect(claimOutput(folder.path, 'job')).rejects.toMatchObject({ code: 'output_taken', message: expect.stringContaining('follow-ups.jsonl') });
});

describe('the report', () => {
  const job: JobRecord = { format: 1, job_id: 'j', simulated: false, account: { label: 'a', base_url: '' }, input: { path: '', sha256: '', requests: 0, bytes: 0 }, output: '', betas: [], created_at: '' };
  const part = (number: number, selected: number): BatchReport => ({ jobId: 'j', round: 1, part: number, requests: 1, outcomes: noOutcomes(), retryable: 0, usage: noUsage(), problems: [], simulated: false, followUps: { selected, started: selected, succeeded: selected, failed: 0 } });
  const merged = { outcomes: noOutcomes(), usage: noUsage(), models: {}, longPrompts: {}, problems: [], results: 0, resultsFile: { bytes: 0, sha256: '' }, failedRequests: 0, missingRequests: 0, quarantined: 0 };
  const reported = (parts: BatchReport[], followUps?: Parameters<typeof buildReport>[0]['merged']['followUps']) =>
    buildReport({ job, parts, merged: { ...merged, followUps }, canceled: false, endedAt: new Date(), followUp: { workflow: 'w', taskQueue: 'q' } }).follow_ups;

  it('counts the lines, and of parts of an older release what they have reported', () => {
    const file = { bytes: 1, sha256: 'x' };
    const answers = { valid: 1, invalid: 1, reasons: { schema: 1 } };
    expect(reported([part(1, 5), part(2, 7)], { counts: { selected: 4, started: 3, succeeded: 2, failed: 1 }, answers, file, parts: new Set(['1.1']) })).toEqual({ selected: 11, started: 10, succeeded: 9, failed: 1, answers, options: { workflow: 'w', task_queue: 'q' }, file });
    expect(reported([part(1, 5), part(2, 7)])).toEqual({ selected: 12, started: 12, succeeded: 12, failed: 0 });
    expect(reported([])).toEqual({ selected: 0, started: 0, succeeded: 0, failed: 0, options: { workflow: 'w', task_queue: 'q' } });
  });

  it.each([
    ['a follow-up that a cancel has ended', { selected: 4, started: 4, succeeded: 3, failed: 0, canceled: 1 }, true, 'canceled'],
    ['one that it has kept from starting', { selected: 4, started: 3, succeeded: 3, failed: 0 }, true, 'canceled'],
    ['none: it came too late', { selected: 4, started: 4, succeeded: 3, failed: 1 }, true, 'finished'],
    ['one that was canceled by somebody else', { selected: 4, started: 4, succeeded: 3, failed: 0, canceled: 1 }, false, 'finished'],
  ])('calls the job by what a cancel has met: %s', (_what, counts, canceled, status) => {
    const followUps = { counts, file: { bytes: 1, sha256: 'x' }, parts: new Set<string>() };
    expect(buildReport({ job, parts: [], merged: { ...merged, followUps }, canceled, endedAt: new Date() })).toMatchObject({ status, follow_ups: counts });
  });
});
