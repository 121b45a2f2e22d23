import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import * as workflow from '@temporalio/workflow';
import type { Attention } from '../../src/contract';
import { AttentionDesk } from '../../src/workflows/attention';

// Only what needs the runtime of a workflow.
jest.mock('@temporalio/workflow', () => ({ ...jest.requireActual<typeof workflow>('@temporalio/workflow'), patched: () => true, condition: jest.fn(async (isSo: () => boolean) => isSo()) }));

const told = async (message: string): Promise<Attention | undefined> => {
  const desk = new AttentionDesk(() => Promise.resolve());
  await desk.tell('follow_up_unserved', message);
  return desk.current;
};

test('a workflow whose own code fails is mended; a worker is started where there is none', async () => {
  expect((await told('workflow tasks of buggy fail on mine: x is undefined'))?.hint).toMatch(/^Mend the code of this workflow and restart its worker/);
  expect((await told('no worker polls mine for gradeAnswer'))?.hint).toMatch(/^Start a worker that serves this workflow/);
});

test('a `resume` that is handled together with the failure of an activity is not lost', async () => {
  const desk = new AttentionDesk(() => Promise.resolve());
  const asks = ApplicationFailure.create({ type: 'Attention', nonRetryable: true, message: 'The disk is full', details: [{ code: 'storage' }] });
  const attempts: (() => Promise<string>)[] = [
    () => {
      desk.resume();
      return Promise.reject(new ActivityFailure('Activity task failed', 'storeResults', '1', 'NON_RETRYABLE_FAILURE', undefined, asks));
    },
    () => Promise.resolve('stored'),
  ];
  expect(await desk.untilDone(() => attempts.shift()!())).toBe('stored');
  expect(await Promise.all(jest.mocked(workflow.condition).mock.results.map(({ value }) => value as Promise<boolean>))).toEqual([true]);
});
