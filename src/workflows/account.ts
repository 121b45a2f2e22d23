import { allHandlersFinished, condition, continueAsNew, getExternalWorkflowHandle, log, setHandler, workflowInfo } from '@temporalio/workflow';
import type { AdmissionAnswer } from '../contract';
import { accountSignal, accountStatusQuery, admissionSignal } from '../contract';
import type { AdmissionState } from './admission-queue';
import { AdmissionQueue, noAdmissions } from './admission-queue';

/** How long the workflow stays when nobody takes room or wants any, in ms. */
const IDLE_MS = 5 * 60_000;

/** How often those that take room are asked whether they are still there, while others wait, in ms. */
const DOUBT_MS = 15 * 60_000;

/** How often it looks for batches that are too old where nobody waits, in ms. */
const UNASKED_MS = 3_600_000;

/** Signals under way at once. */
const MOST_SIGNALS = 100;

export interface AccountInput {
  /** For tests: continue as new after so many events, instead of where the server suggests it. */
  mostEvents?: number;
  /** Carried along by continue-as-new; not for callers. */
  resumed?: AdmissionState;
}

/**
 * Admits the parts of all jobs of an account to the API's processing queue (see `AdmissionQueue`). Batches start it where it does
 * not run, and tell it what they want and have; it ends when nobody needs it. Who may pay is not decided here: that is on record.
 */
export async function accountWorkflow(input: AccountInput = {}): Promise<void> {
  const queue = new AdmissionQueue(input.resumed ?? noAdmissions());
  const asked = new Set<string>();
  let changed = true;
  setHandler(accountStatusQuery, () => queue.status(), { description: 'Requests in the processing queue, the room for them, who waits' });
  setHandler(
    accountSignal,
    (message) => {
      queue.take(message, Date.now());
      if (message.kind === 'ask' || message.kind === 'refused') asked.add(message.workflowId);
      changed = true;
    },
    { description: 'From a batch: what it wants, has, or leaves' },
  );

  let doubtAt = Date.now() + DOUBT_MS;
  for (;;) {
    changed = false;
    const admitted = queue.admit(Date.now());
    const waiting = [...asked].filter((workflowId) => queue.isWaiting(workflowId));
    asked.clear();
    await tell(queue, [...admitted.map((workflowId) => ({ workflowId, answer: { kind: 'admitted' as const } })), ...waiting.map((workflowId) => ({ workflowId, answer: queue.answer() }))]);
    if (Date.now() >= doubtAt) {
      doubtAt = Date.now() + DOUBT_MS;
      // Who takes room and can be told so is still there.
      if (queue.hasWaiting()) await tell(queue, queue.holders().map((workflowId) => ({ workflowId, answer: { kind: 'admitted' as const } })));
    }
    if (isFull(input)) await goOn(input, queue);
    if (changed) continue;
    const woken = await condition(() => changed, waitMs(queue, doubtAt));
    if (!woken && queue.isEmpty) return;
  }
}

function isFull({ mostEvents }: AccountInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > (mostEvents ?? Infinity);
}

function waitMs(queue: AdmissionQueue, doubtAt: number): number {
  if (queue.isEmpty) return IDLE_MS;
  if (!queue.hasWaiting()) return UNASKED_MS;
  return Math.min(queue.wakeIn(Date.now()) ?? Infinity, Math.max(1_000, doubtAt - Date.now()));
}

/** Nobody is lost on the way: whatever has come is in the queue's state, and what comes from here on finds the next run. */
async function goOn(input: AccountInput, queue: AdmissionQueue): Promise<never> {
  await condition(allHandlersFinished);
  return continueAsNew<typeof accountWorkflow>({ ...input, resumed: queue.state() });
}

async function tell(queue: AdmissionQueue, answers: { workflowId: string; answer: AdmissionAnswer }[]): Promise<void> {
  for (let first = 0; first < answers.length; first += MOST_SIGNALS) {
    await Promise.all(answers.slice(first, first + MOST_SIGNALS).map(({ workflowId, answer }) => tellOne(queue, workflowId, answer)));
  }
}

async function tellOne(queue: AdmissionQueue, workflowId: string, answer: AdmissionAnswer): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(admissionSignal, answer);
  } catch (error) {
    log.info('A batch that is not there any more takes no room', { workflowId, error: String(error) });
    queue.leave(workflowId);
  }
}
