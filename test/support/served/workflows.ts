/** Workflows of somebody else's, as tests of the activities that look at Temporal start them. */
import { ActivityCancellationType, ApplicationFailure, condition, defineSignal, makeContinueAsNewFunc, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import type { MessageBatchesActivities } from '../../../src/activities';

const finishSignal = defineSignal('finish');

/** Ends when it gets the signal `finish`, as `how` says. */
export async function endsLater(how: 'completes' | 'fails' | 'again', bytes = 0): Promise<unknown> {
  let finished = false;
  setHandler(finishSignal, () => void (finished = true));
  await condition(() => finished);
  if (how === 'again') await makeContinueAsNewFunc<typeof endsNow>({ workflowType: 'endsNow' })('completes', bytes);
  return endsNow(how, bytes);
}

export async function endsNow(how: string, bytes = 0): Promise<unknown> {
  if (how === 'fails') throw ApplicationFailure.create({ message: 'The answer does not fit', type: 'Unfit', nonRetryable: true, details: [{ points: 'three' }], cause: new Error('/points must be a number') });
  if (how === 'sleeps') await sleep('1 hour');
  return { how, text: 'v'.repeat(bytes) };
}

/** Continues as new on another task queue. */
export async function renews(taskQueue: string): Promise<void> {
  await makeContinueAsNewFunc<typeof endsNow>({ workflowType: 'endsNow', taskQueue })('completes');
}

/** Keeps its worker busy with its first task, for less time than a worker may. */
export async function thinksLong(ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) Math.random();
}

/** Has a fault that no retry mends. */
export async function stumbles(): Promise<void> {
  throw new TypeError('Cannot read the answer of nobody');
}

/** Has one that shows when it gets the signal `finish`. */
export async function stumblesLater(): Promise<void> {
  let finished = false;
  setHandler(finishSignal, () => void (finished = true));
  await condition(() => finished);
  await stumbles();
}

/** What the worker's own client says of another workflow's end. */
export async function asksForEnd(workflowId: string): Promise<unknown> {
  const { 'messageBatches.endOfFollowUp': endOfFollowUp } = proxyActivities<MessageBatchesActivities>({
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '10 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  return endOfFollowUp(workflowId);
}
