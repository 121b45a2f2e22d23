import { allHandlersFinished, ApplicationFailure, CancelledFailure, CancellationScope, condition, continueAsNew, patched, setHandler, upsertMemo } from '@temporalio/workflow';
import type { FailedFollowUps, FollowUpShard } from '../activities';
import type { FollowUpRetryInput, FollowUpRetryResult, FollowUpRetryStatus } from '../contract';
import { cancelSignal, followUpRetryShardWorkflowId, followUpRetryStatusQuery, noFollowUps, resumeSignal, RETRIED_JOB_MEMO } from '../contract';
import { activities } from './activity-profiles';
import { AttentionDesk } from './attention';
import type { FollowUpsDone } from './follow-ups';
import { resumeShards, runFollowUps } from './follow-ups';
import { eachShard } from './sharded-list';

/**
 * Runs the follow-ups of an ended job again that did not complete, and rewrites `follow-ups.jsonl` and the report's counts.
 *
 * Signals `cancel`, `resume`; query `status`. A cancel (by signal, or of the workflow) keeps what became of those that ended.
 */
export async function retryFollowUpsWorkflow(input: FollowUpRetryInput): Promise<FollowUpRetryResult> {
  const run = new RetryRun(input);
  run.listen();
  CancellationScope.current().cancelRequested.catch(() => run.cancelWorkflow());
  const result = await CancellationScope.nonCancellable(() => run.run());
  if (run.workflowCanceled) throw new CancelledFailure('The follow-ups were canceled; what became of those that ended is kept');
  return result;
}

class RetryRun {
  workflowCanceled = false;
  private readonly acts;
  private readonly status: FollowUpRetryStatus;
  private readonly scope = new CancellationScope();
  private readonly desk = new AttentionDesk(async (attention) => upsertMemo({ attention: attention ?? null }));

  constructor(private readonly input: FollowUpRetryInput) {
    this.acts = activities(input.activityTaskQueue);
    const { jobId, attempt, resumed } = input;
    this.status = { jobId, attempt, phase: 'selecting', followUps: noFollowUps(), shards: [], cancelRequested: false };
    if (resumed?.cancelRequested) this.cancel();
  }

  listen(): void {
    setHandler(followUpRetryStatusQuery, () => ({ ...this.status, attention: this.desk.current }), { description: 'Phase, counts of those that run again, what waits for a person' });
    setHandler(cancelSignal, () => this.cancel(), { description: 'Cancel those that run, start no more, keep what is done' });
    setHandler(resumeSignal, () => this.resume(), { description: 'Look again at what waits for a person' });
  }

  cancelWorkflow(): void {
    this.workflowCanceled = true;
    this.cancel();
  }

  private cancel(): void {
    this.status.cancelRequested = true;
    this.desk.resume();
    this.scope.cancel();
  }

  private async resume(): Promise<void> {
    this.desk.resume();
    // Not in the handler's scope, which is the canceled one where the workflow itself was canceled.
    await CancellationScope.nonCancellable(() => resumeShards(this.status.shards));
  }

  async run(): Promise<FollowUpRetryResult> {
    const { jobId, attempt } = this.input;
    const failed = await this.desk.untilDone(() => this.acts.selectFailedFollowUps({ ...this.input, mayBeCuts: true }));
    // Whoever asks what came of the job tells by it whether this attempt was of that job.
    if (failed.jobStartedAt !== undefined && patched('retried-job')) upsertMemo({ [RETRIED_JOB_MEMO]: failed.jobStartedAt });
    const shards = eachShard(failed.shards);
    const selected = shards.reduce((sum, { count }) => sum + count, 0);
    const common = { jobId, attempt, selected, canceled: this.status.cancelRequested };
    if (selected === 0) return { ...common, followUps: failed.followUps, ...(failed.superseded && { superseded: true }) };
    this.status.phase = 'running';
    const done = await this.runAll(shards, failed);
    if (done.shards < shards.length && !this.status.cancelRequested) await this.continueAsNew(done);
    this.status.phase = 'merging';
    const followUps = await this.desk.untilDone(() => this.acts.mergeRetriedFollowUps(jobId, attempt, ...(failed.ranWith ? [failed.ranWith] : [])));
    this.status.phase = 'ended';
    return { ...common, canceled: this.status.cancelRequested, followUps };
  }

  private runAll(shards: FollowUpShard[], { options, begunBefore }: FailedFollowUps): Promise<FollowUpsDone> {
    const { jobId, attempt, activityTaskQueue, resumed } = this.input;
    return this.scope.run(() =>
      runFollowUps({
        shards,
        options,
        activityTaskQueue,
        again: true,
        begunBefore,
        done: resumed?.done,
        workflowId: (number) => followUpRetryShardWorkflowId(jobId, attempt, number),
        desk: this.desk,
        onProgress: (counts, open) => {
          this.status.followUps = counts;
          this.status.shards = open;
        },
      }),
    );
  }

  private async continueAsNew(done: FollowUpsDone): Promise<never> {
    // A new run that begins where this one did would go on for ever.
    if (done.shards <= (this.input.resumed?.done.shards ?? 0)) throw ApplicationFailure.nonRetryable('No shard of the follow-ups could be begun', 'NoProgress');
    await condition(allHandlersFinished);
    return continueAsNew<typeof retryFollowUpsWorkflow>({ ...this.input, resumed: { done, cancelRequested: this.status.cancelRequested } });
  }
}
