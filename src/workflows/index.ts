/** Nothing but workflows: users re-export this file from their own workflows file. */
export { accountWorkflow } from './account';
export { batchWorkflow } from './batch';
export { batchJobWorkflow } from './job';
export { followUpShardWorkflow } from './follow-up-shard';
export { checkJsonAnswer, checkJsonAnswersOfSlice } from './check-json-answer';
export { retryFollowUpsWorkflow } from './retry-follow-ups';
