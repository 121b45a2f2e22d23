/** How each activity is called, and why so. `cancellationType` is always set: unset it behaves as TRY_CANCEL. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { MessageBatchesActivities } from '../activities';

/** A worker that is gone is noticed within this time. Also bounds how fast a cancel reaches an activity. */
const HEARTBEAT = '10 seconds';

const common: ActivityOptions = { heartbeatTimeout: HEARTBEAT, cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED };

/** Calls that may be repeated for as long as it takes: an outage of hours is waited out, not failed on. */
const patient = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' } as const;

/** All activities of a job or batch, on the task queue where its files and its key are. */
export function activities(taskQueue: string | undefined) {
  const proxy = (options: ActivityOptions) => proxyActivities<MessageBatchesActivities>({ ...common, taskQueue, ...options });

  // Small reads and writes of records, or one call of the API that may be repeated.
  const short = proxy({ startToCloseTimeout: '5 minutes', retry: patient });
  // One pass over all requests or results: as long as it shows signs of life, it may take.
  const passes = proxy({ startToCloseTimeout: '24 hours', retry: patient });

  return {
    planJob: passes['messageBatches.planJob'],
    planRound: passes['messageBatches.planRound'],
    planNextRound: passes['messageBatches.planNextRound'],
    splitPart: passes['messageBatches.splitPart'],
    finishJob: passes['messageBatches.finishJob'],
    notify: short['messageBatches.notify'],
    deleteBatches: short['messageBatches.deleteBatches'],
    recordCancel: short['messageBatches.recordCancel'],
    recordSettings: short['messageBatches.recordSettings'],
    begunParts: short['messageBatches.begunParts'],
    openPart: short['messageBatches.openPart'],
    claimCreate: short['messageBatches.claimCreate'],
    reportPart: short['messageBatches.reportPart'],
    retrieveBatch: short['messageBatches.retrieveBatch'],
    cancelBatch: short['messageBatches.cancelBatch'],
    reconcileCreate: passes['messageBatches.reconcileCreate'],
    storeResults: passes['messageBatches.storeResults'],
    closeLedger: passes['messageBatches.closeLedger'],
    selectFollowUps: passes['messageBatches.selectFollowUps'],
    selectFailedFollowUps: passes['messageBatches.selectFailedFollowUps'],
    mergeRetriedFollowUps: passes['messageBatches.mergeRetriedFollowUps'],
    listFollowUps: short['messageBatches.listFollowUps'],
    recordFollowUps: short['messageBatches.recordFollowUps'],
    followUpService: short['messageBatches.followUpService'],
    closeUnserved: short['messageBatches.closeUnserved'],
    // Waits for another workflow: an attempt ends where that takes long, and says when the next one looks again.
    endOfFollowUp: short['messageBatches.endOfFollowUp'],
    checkJsonAnswer: short['messageBatches.checkJsonAnswer'],
    checkJsonAnswersOfSlice: passes['messageBatches.checkJsonAnswersOfSlice'],

    /** The one call that pays: one attempt, never repeated by Temporal. What it leaves unknown is looked up. */
    createBatch(timeoutMs: number): MessageBatchesActivities['messageBatches.createBatch'] {
      // It may wait for its place in the calls per minute first.
      const marginMs = 60_000;
      return proxy({ startToCloseTimeout: timeoutMs + marginMs, retry: { maximumAttempts: 1 } })['messageBatches.createBatch'];
    },
  };
}
