import { ActivityFailure, ApplicationFailure, CancelledFailure, RawValue, RetryState, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { completedEnd, failedEnd, failureBytes } from '../../src/workflows/follow-up-end';

test('a value is kept up to 64 KB as JSON, in bytes', () => {
  expect(completedEnd('id', { a: 1 })).toEqual({ workflowId: 'id', status: 'completed', value: { a: 1 } });
  expect(completedEnd('id', null)).toEqual({ workflowId: 'id', status: 'completed', value: null });
  expect(completedEnd('id', undefined)).toEqual({ workflowId: 'id', status: 'completed' });
  expect(completedEnd('id', 'ü'.repeat(32_767))).toHaveProperty('value');
  expect(completedEnd('id', 'ü'.repeat(32_768))).toEqual({ workflowId: 'id', status: 'completed', value_bytes: 65_538 });
});

test('of an encoded value, JSON is kept; of all else its size and encoding', () => {
  const returned = (encoding: string, data?: string): RawValue => RawValue.fromPayload({ metadata: { encoding: Buffer.from(encoding) }, data: data === undefined ? undefined : Buffer.from(data) });
  const endOf = (value: unknown) => completedEnd('id', value);
  const completed = { workflowId: 'id', status: 'completed' };
  expect(endOf(returned('json/plain', '{"a":"ü"}'))).toEqual({ ...completed, value: { a: 'ü' } });
  expect(endOf(returned('json/protobuf', '{"a":1}'))).toEqual({ ...completed, value: { a: 1 } });
  expect(endOf(returned('binary/null'))).toEqual(completed);
  expect(endOf(returned('json/plain', JSON.stringify('v'.repeat(70_000))))).toEqual({ ...completed, value_bytes: 70_002 });
  expect(endOf(returned('json/plain', '{"a":'))).toEqual({ ...completed, value_bytes: 5, value_encoding: 'json/plain' });
  expect(endOf(returned('json/plain'))).toEqual({ ...completed, value_bytes: 0, value_encoding: 'json/plain' });
  expect(endOf(returned('json/plain', '['.repeat(30_000) + ']'.repeat(30_000)))).toEqual({ ...completed, value_bytes: 60_000, value_encoding: 'json/plain' });
  expect(endOf(returned('json/plain', '['.repeat(150) + ']'.repeat(150)))).toHaveProperty('value');
  // A worker thread could still write this, the thread that puts it on record could not.
  expect(endOf(returned('json/plain', '['.repeat(5_000) + ']'.repeat(5_000)))).toEqual({ ...completed, value_bytes: 10_000, value_encoding: 'json/plain' });
  expect(endOf(returned('x'.repeat(1_000), 'data'))).toEqual({ ...completed, value_bytes: 4, value_encoding: 'x'.repeat(100) });
  expect(endOf(RawValue.fromPayload({}))).toEqual({ ...completed, value_bytes: 0, value_encoding: '' });
});

test('what a failure takes of a history: its messages, stacks and details, with those of its causes', () => {
  const detailed = ApplicationFailure.create({ message: 'm'.repeat(1_000), details: ['d'.repeat(2_000)], cause: new Error('c'.repeat(4_000)) });
  for (const failure of [detailed, detailed.cause!]) failure.stack = 's'.repeat(100);
  expect(failureBytes(detailed)).toBe(1_000 + 100 + 2_004 + 4_000 + 100);
  expect(failureBytes(undefined)).toBe(0);
  // What cannot be written, and what goes on for ever, ends nothing.
  const endless = ApplicationFailure.create({ message: 'm', details: [1n] });
  endless.stack = '';
  Object.assign(endless, { cause: endless });
  expect(failureBytes(endless)).toBe(100);
});

test('a long message is cut', () => {
  expect(failedEnd('id', new ApplicationFailure('m'.repeat(10_000), 'Unfit')).failure?.message).toBe(`${'m'.repeat(2_000)}…`);
});

test('how it failed, without what Temporal wraps around it', () => {
  const unfit = ApplicationFailure.nonRetryable('It does not fit', 'Unfit');
  const activity = new ActivityFailure('Activity task failed', 'grade', '1', RetryState.NON_RETRYABLE_FAILURE, 'worker', unfit);
  expect(failedEnd('id', activity)).toEqual({ workflowId: 'id', status: 'failed', failure: { type: 'Unfit', message: 'It does not fit' } });
  expect(failedEnd('id', new CancelledFailure('Canceled'))).toEqual({ workflowId: 'id', status: 'canceled' });
  expect(failedEnd('id', new TerminatedFailure('Terminated'))).toEqual({ workflowId: 'id', status: 'terminated' });
  expect(failedEnd('id', new TimeoutFailure('Workflow timed out', undefined, 'START_TO_CLOSE'))).toMatchObject({ status: 'timed_out', failure: { type: 'TimeoutFailure', message: 'Workflow timed out' } });
});
