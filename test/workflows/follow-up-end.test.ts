import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { completedEnd, failedEnd } from '../../src/workflows/follow-up-end';

test('a value is kept up to 64 KB as JSON, in bytes', () => {
  expect(completedEnd('id', { a: 1 })).toEqual({ workflowId: 'id', status: 'completed', value: { a: 1 } });
  expect(completedEnd('id', null)).toEqual({ workflowId: 'id', status: 'completed', value: null });
  expect(completedEnd('id', undefined)).toEqual({ workflowId: 'id', status: 'completed' });
  expect(completedEnd('id', 'ü'.repeat(32_767))).toHaveProperty('value');
  expect(completedEnd('id', 'ü'.repeat(32_768))).toEqual({ workflowId: 'id', status: 'completed', value_bytes: 65_538 });
});

test('how it failed, without what Temporal wraps around it', () => {
  const unfit = ApplicationFailure.nonRetryable('It does not fit', 'Unfit');
  const activity = new ActivityFailure('Activity task failed', 'grade', '1', RetryState.NON_RETRYABLE_FAILURE, 'worker', unfit);
  expect(failedEnd('id', activity)).toEqual({ workflowId: 'id', status: 'failed', failure: { type: 'Unfit', message: 'It does not fit' } });
  expect(failedEnd('id', new CancelledFailure('Canceled'))).toEqual({ workflowId: 'id', status: 'canceled' });
  expect(failedEnd('id', new TerminatedFailure('Terminated'))).toEqual({ workflowId: 'id', status: 'terminated' });
  expect(failedEnd('id', new TimeoutFailure('Workflow timed out', undefined, 'START_TO_CLOSE'))).toMatchObject({ status: 'timed_out', failure: { type: 'TimeoutFailure', message: 'Workflow timed out' } });
});
