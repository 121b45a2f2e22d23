import { ACTIVITY_PREFIX } from '../contract';
import { cancelBatchActivity } from './cancel-batch';
import { checkJsonAnswerActivity, checkJsonAnswersOfSliceActivity } from './check-json-answer';
import { claimCreateActivity } from './claim-create';
import { closeLedgerActivity } from './close-ledger';
import { createBatchActivity } from './create-batch';
import { deleteBatchesActivity } from './delete-batches';
import type { ActivityDependencies } from './dependencies';
import { endOfFollowUpActivity } from './end-of-follow-up';
import { finishJobActivity, recordCancelActivity } from './finish-job';
import { closeUnservedActivity } from './close-unserved';
import { followUpServiceActivity } from './follow-up-service';
import { listFollowUpsActivity } from './list-follow-ups';
import { loadRequestActivity, loadResultActivity } from './load-by-reference';
import { notifyActivity } from './notify';
import { begunPartsActivity, openPartActivity } from './open-part';
import { planJobActivity, planNextRoundActivity, planRoundActivity } from './plan-job';
import { reconcileCreateActivity } from './reconcile-create';
import { recordFollowUpsActivity } from './record-follow-ups';
import { recordSettingsActivity } from './record-settings';
import { reportPartActivity } from './report-part';
import { retrieveBatchActivity } from './retrieve-batch';
import { mergeRetriedFollowUpsActivity, selectFailedFollowUpsActivity } from './retry-follow-ups';
import { selectFollowUpsActivity } from './select-follow-ups';
import { splitPartActivity } from './split-part';
import { storeResultsActivity } from './store-results';

export type { ActivityDependencies } from './dependencies';
export { accessRefusal, keyRefused } from './failures';
export { PacedApi, type ActivityApi } from './paced-api';
export type * from './payloads';
export type { CheckedAnswer, JsonAnswerCheck } from '../jobs';

function allActivities(deps: ActivityDependencies) {
  return {
    planJob: planJobActivity(deps),
    planRound: planRoundActivity(deps),
    planNextRound: planNextRoundActivity(deps),
    splitPart: splitPartActivity(deps),
    begunParts: begunPartsActivity(deps),
    openPart: openPartActivity(deps),
    claimCreate: claimCreateActivity(deps),
    createBatch: createBatchActivity(deps),
    reconcileCreate: reconcileCreateActivity(deps),
    retrieveBatch: retrieveBatchActivity(deps),
    cancelBatch: cancelBatchActivity(deps),
    storeResults: storeResultsActivity(deps),
    closeLedger: closeLedgerActivity(deps),
    reportPart: reportPartActivity(deps),
    selectFollowUps: selectFollowUpsActivity(deps),
    listFollowUps: listFollowUpsActivity(deps),
    recordFollowUps: recordFollowUpsActivity(deps),
    loadResult: loadResultActivity(deps),
    loadRequest: loadRequestActivity(deps),
    checkJsonAnswer: checkJsonAnswerActivity(deps),
    checkJsonAnswersOfSlice: checkJsonAnswersOfSliceActivity(deps),
    endOfFollowUp: endOfFollowUpActivity(deps),
    followUpService: followUpServiceActivity(deps),
    closeUnserved: closeUnservedActivity(deps),
    selectFailedFollowUps: selectFailedFollowUpsActivity(deps),
    mergeRetriedFollowUps: mergeRetriedFollowUpsActivity(deps),
    finishJob: finishJobActivity(deps),
    deleteBatches: deleteBatchesActivity(deps),
    recordCancel: recordCancelActivity(deps),
    recordSettings: recordSettingsActivity(deps),
    notify: notifyActivity(deps),
  };
}

type Plain = ReturnType<typeof allActivities>;

/** All activities under their registered names, which carry the product's prefix. */
export type MessageBatchesActivities = { [Name in keyof Plain as `messageBatches.${Name}`]: Plain[Name] };

/** Activities with their client and storage in hand, ready to register with a worker. */
export function createActivities(deps: ActivityDependencies): MessageBatchesActivities {
  const prefixed = Object.entries(allActivities(deps)).map(([name, activity]) => [ACTIVITY_PREFIX + name, activity]);
  return Object.fromEntries(prefixed) as MessageBatchesActivities;
}
