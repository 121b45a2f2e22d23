import { ApplicationFailure, ChildWorkflowFailure, defaultPayloadConverter } from '@temporalio/common';
import { failureConverter } from '../../src/workflows/failure-converter';

type Failure = Parameters<typeof failureConverter.failureToError>[0];

function child(cause: Failure): Error {
  const childWorkflowExecutionFailureInfo = { workflowType: { name: 'gradeAnswer' }, workflowExecution: { workflowId: 'id', runId: 'run' } };
  return failureConverter.failureToError({ message: 'Child Workflow execution failed', childWorkflowExecutionFailureInfo, cause }, defaultPayloadConverter);
}

test('details that cannot be read are left out', () => {
  const details = { payloads: [{ metadata: { encoding: Buffer.from('binary/encrypted') }, data: Buffer.from('secret') }] };
  const error = child({ message: 'It does not fit', applicationFailureInfo: { type: 'Unfit', details } });
  expect(error).toBeInstanceOf(ChildWorkflowFailure);
  expect(error.cause).toBeInstanceOf(ApplicationFailure);
  expect(error.cause).toMatchObject({ message: 'It does not fit', type: 'Unfit' });
});

test.each<[string, Failure]>([
  ['a child workflow without a type', { message: 'Foreign', childWorkflowExecutionFailureInfo: {} }],
  ['an activity without a type', { message: 'Foreign', activityFailureInfo: {} }],
])('of a failure that lacks what its kind should have, the message is kept: %s', (_, cause) => {
  const error = child(cause);
  expect(error).toBeInstanceOf(ChildWorkflowFailure);
  expect(error.cause).toMatchObject({ name: 'TemporalFailure', message: 'Foreign' });
});
