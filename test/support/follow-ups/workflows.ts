/** Follow-up workflows of tests: what one does stands in its request's metadata. */
import { ApplicationFailure, CancellationScope, condition, continueAsNew, defineSignal, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import type { FollowUpInput, FollowUpSliceInput } from '../../../src/contract';
import type { Effects } from './effects';

/** What a follow-up of the tests does. */
export interface Behaviour {
  /** It fails with this message. */
  fail?: string;
  /** Only when it runs for the first time. It then does not wait or take long either: `waits` and `ms` count for the second run alone. */
  once?: boolean;
  /** It ends when it gets the signal `finish`. */
  waits?: boolean;
  /** And no cancel ends that. */
  deaf?: boolean;
  /** Canceled while it waits, it tidies up until it gets that signal. */
  tidies?: boolean;
  /** It takes so long, in ms. */
  ms?: number;
  /** Only makes it large. */
  note?: string;
  /** It returns a text of so many bytes. */
  valueBytes?: number;
  /** `plainFollowUp` fails with a message of so many bytes, which stand in its stack as well. */
  failBytes?: number;
}

export const finishSignal = defineSignal('finish');

/** Tells the outside that it runs and that it has ended, and does in between what its metadata says. */
export async function testFollowUp(input: FollowUpInput<Behaviour>, ...args: unknown[]): Promise<{ id: string; args: unknown[]; text?: string }> {
  const { began, ended } = proxyActivities<Effects>({ startToCloseTimeout: '1 minute', retry: { initialInterval: '1 second' } });
  let finished = false;
  setHandler(finishSignal, () => void (finished = true));
  const runs = await began(input.customId);
  const { fail, once = false, waits, deaf, tidies = false, ms, valueBytes } = input.metadata ?? {};
  const takesItsTime = !once || runs === 2;
  const untilFinished = (): Promise<void> => condition(() => finished);
  if (waits && deaf && takesItsTime) await CancellationScope.nonCancellable(untilFinished);
  else if (waits && takesItsTime) {
    await untilFinished().catch(async (error: unknown) => {
      if (tidies) await CancellationScope.nonCancellable(untilFinished);
      throw error;
    });
  }
  if (ms !== undefined && takesItsTime) await sleep(ms);
  await ended(input.customId);
  if (fail !== undefined && !(once && runs > 1)) throw ApplicationFailure.nonRetryable(fail, 'Unfit');
  return { id: input.customId, args, ...(valueBytes !== undefined && { text: 'v'.repeat(valueBytes) }) };
}

/** Continues as new at once, and then waits for ever. */
export async function renewingFollowUp(input: FollowUpInput, renewed = false): Promise<never> {
  if (!renewed) return continueAsNew<typeof renewingFollowUp>(input, true);
  const { began } = proxyActivities<Effects>({ startToCloseTimeout: '1 minute' });
  await began(input.customId);
  await condition(() => false);
  throw ApplicationFailure.nonRetryable('It is never told to go on');
}

/** Does nothing outside: for what is counted by events. */
export async function plainFollowUp(input: FollowUpInput<Behaviour>): Promise<unknown> {
  const { failBytes, fail = failBytes === undefined ? undefined : 'f'.repeat(failBytes), valueBytes = 0 } = input.metadata ?? {};
  if (fail !== undefined) throw ApplicationFailure.nonRetryable(fail, 'Unfit');
  return valueBytes > 0 ? 'v'.repeat(valueBytes) : null;
}

/** What `valueFollowUp` gives back, as it stands in a request's metadata. */
export interface Returned {
  /** This value. */
  returns?: unknown;
  /** Bytes. */
  bytes?: number[];
  /** A failure with this message, and with details. */
  fail?: string;
  details?: unknown;
}

export async function valueFollowUp(input: FollowUpInput<Returned>): Promise<unknown> {
  const { returns, bytes, fail, details } = input.metadata ?? {};
  if (fail !== undefined) throw ApplicationFailure.nonRetryable(fail, 'Unfit', details);
  return bytes ? new Uint8Array(bytes) : returns;
}

export async function sliceFollowUp(input: FollowUpSliceInput): Promise<number> {
  return input.count;
}

/** Tells the outside of each result of its slice. */
export async function countSlice(input: FollowUpSliceInput): Promise<{ results: number }> {
  const { beganSlice } = proxyActivities<Effects>({ startToCloseTimeout: '1 minute' });
  return { results: await beganSlice(input) };
}
