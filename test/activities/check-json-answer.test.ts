/** A slice of answers that are meant to keep the worker busy. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { checkJsonAnswerActivity, checkJsonAnswersOfSliceActivity } from '../../src/activities/check-json-answer';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import type { CheckedSlice } from '../../src/activities/payloads';
import type { FollowUpInput, FollowUpSliceInput } from '../../src/contract';
import { linesOfFile } from '../jobs/helpers';
import type { JsonAnswerCheck } from '../../src/jobs';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'message-batches-check-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @param changed what is done to the lines once the list is made, without another length. */
async function sliceOf(name: string, answers: unknown[], changed = (line: string): string => line): Promise<FollowUpSliceInput> {
  const [uri, list] = [join(folder, `${name}.segment`), join(folder, `${name}-list.jsonl`)];
  const of = { jobId: 'j', round: 1, part: 1, activityTaskQueue: 'q' };
  let offset = 0;
  const lines = answers.map((answer, n) => JSON.stringify({ custom_id: `q-${n}`, result: { type: 'succeeded', message: { model: 'm', content: [{ type: 'text', text: JSON.stringify(answer) }], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } } } }));
  const inputs = lines.map((line, n): FollowUpInput => {
    const input: FollowUpInput = { ...of, customId: `q-${n}`, outcome: 'succeeded', metadata: {}, result: { uri, offset, length: line.length } };
    offset += line.length + 1;
    return input;
  });
  await writeFile(uri, lines.map((line) => `${changed(line)}\n`).join(''));
  await writeFile(list, inputs.map((input) => `${JSON.stringify(input)}\n`).join(''));
  return { ...of, slice: 1, count: lines.length, results: { uri: list } };
}

/** Checks a slice, and tells how many ms that took and how often a timer had its turn after it had to wait. */
async function checkWatched(input: FollowUpSliceInput, check: JsonAnswerCheck): Promise<{ checked: CheckedSlice; tookMs: number; turns: number }> {
  const begun = performance.now();
  let [last, turns] = [begun, 0];
  const turn = () => {
    // Those of the reading come one after another.
    if (performance.now() - last > 25) turns++;
    last = performance.now();
  };
  const timer = setInterval(turn, 1);
  const activity = checkJsonAnswersOfSliceActivity({} as ActivityDependencies);
  const checked = (await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, input, check)) as CheckedSlice;
  clearInterval(timer);
  turn();
  return { checked, tookMs: performance.now() - begun, turns };
}

test('a hundred answers to a pattern that takes for ever take no longer than a few', async () => {
  const input = await sliceOf('hostile', Array.from({ length: 100 }, () => `${'c'.repeat(60)}!`));
  const { checked, tookMs } = await checkWatched(input, { schema: { type: 'string', pattern: '^(c+)+$' } });
  expect(checked).toMatchObject({ valid: 0, invalid: 100, reasons: { not_checked: 100 } });
  // Each of them would take half a second.
  expect(tookMs).toBeLessThan(20_000);
});

test('answers that are checked in time, but slowly, leave turns for timers', async () => {
  const items = Array.from({ length: 70 }, (_, n) => ({ n }));
  const input = await sliceOf('slow', Array.from({ length: 200 }, () => items));
  // Compares each with each.
  const { checked, turns } = await checkWatched(input, { schema: { type: 'array', uniqueItems: true } });
  expect(checked).toMatchObject({ valid: 200, invalid: 0 });
  expect(turns).toBeGreaterThanOrEqual(3);
});

describe('of three answers, of which the second', () => {
  const run = <Args extends unknown[], Answer>(activity: (...args: Args) => Promise<Answer>, ...args: Args) => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, ...args);
  const check: JsonAnswerCheck = { schema: { type: 'string' } };
  const deps = {} as ActivityDependencies;
  const second = ({ results }: FollowUpSliceInput) => JSON.parse(linesOfFile(results.uri)[1]!) as FollowUpInput;

  test('was counted although it is no JSON throughout, the others are checked', async () => {
    const input = await sliceOf('torn', ['a', 'an odd one', 'c'], (line) => line.replace('an odd', 'an\todd'));
    expect(await run(checkJsonAnswersOfSliceActivity(deps), input, check)).toEqual({ valid: 2, invalid: 1, reasons: { not_checked: 1 }, failing: ['q-1'] });
    expect(await run(checkJsonAnswerActivity(deps), second(input), check)).toMatchObject({ valid: false, reason: 'not_checked', errors: [{ message: 'What the API has sent of it is no JSON throughout.' }] });
  });

  test('is no such result any more, nothing is said of any', async () => {
    const input = await sliceOf('gone', ['a', 'an odd one', 'c'], (line) => line.replace(/^.*an odd.*$/, (all) => 'x'.repeat(all.length)));
    await expect(run(checkJsonAnswersOfSliceActivity(deps), input, check)).rejects.toMatchObject({ type: 'StorageProblem' });
    await expect(run(checkJsonAnswerActivity(deps), second(input), check)).rejects.toMatchObject({ type: 'StorageProblem' });
  });
});
