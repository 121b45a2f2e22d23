/** How a batch comes to its end at the API: polled, canceled where that is wanted, and waited for through whatever comes between. */
import { condition, workflowInfo } from '@temporalio/workflow';
import type { BatchSnapshot, PartReference } from '../activities';
import type { BatchPhase, BatchStatus } from '../contract';
import type { activities } from './activity-profiles';
import type { AttentionDesk } from './attention';
import type { AcceptedCreate } from './batch-creation';
import { pollInterval } from './polling-policy';

/** How long a 404 for an accepted batch is waited out before a person is asked, in ms. */
const NOT_FOUND_PATIENCE_MS = 10 * 60_000;

export interface BatchEndOptions {
  acts: ReturnType<typeof activities>;
  ref: PartReference;
  /** Shared with whoever owns it; read and written. */
  status: BatchStatus;
  desk: AttentionDesk;
  /** Fixed instead of growing. */
  pollIntervalMs?: number;
  /** When a cancel was asked for in this run, in ms since 1970. */
  canceledAt: () => number | undefined;
  /** The API does not know the batch, and somebody who was asked about it has canceled: it is not waited for. */
  isGivenUp: () => boolean;
  enter: (phase: BatchPhase) => void;
  continueAsNew: () => Promise<never>;
}

export class BatchEnd {
  constructor(private readonly options: BatchEndOptions) {}

  /** Only an answer of the API ends this wait, or a person where it knows nothing of the batch: outages, unknown statuses and `expires_at` passing prove nothing. */
  async wait(batch: AcceptedCreate): Promise<BatchSnapshot> {
    const { acts, ref, status, desk, pollIntervalMs, canceledAt, isGivenUp, enter, continueAsNew } = this.options;
    enter('processing');
    const created = Date.parse(batch.createdAt);
    let notFoundSince: number | undefined;
    let saidEnded = batch.ended ?? false;
    let hintMs: number | undefined;
    for (;;) {
      if (this.cancelPending() && !(batch.adopted && isGivenUp()) && (await this.mayCancel(batch))) {
        enter('canceling');
        const canceled = await desk.untilDone(
          () => acts.cancelBatch(ref, batch.batchId),
          (seen) => seen.status !== 'not_found',
        );
        status.cancelSent = canceled.status !== 'not_found';
        if (canceled.status === 'not_found' && isGivenUp()) return canceled;
        this.seen(canceled);
        if (canceled.status === 'ended') return canceled;
      }
      if (workflowInfo().continueAsNewSuggested) await continueAsNew();

      const waitMs = saidEnded ? 0 : pollInterval({ ageMs: Date.now() - (canceledAt() ?? created), retryAfterMs: hintMs, fixedMs: pollIntervalMs, random: Math.random() });
      status.nextPollAt = new Date(Date.now() + waitMs).toISOString();
      const known = status.cancelRequested;
      if (!saidEnded) await condition(() => status.cancelRequested && !known, waitMs);
      saidEnded = false;
      if (status.cancelRequested && !known) continue;

      const snapshot = await desk.untilDone(
        () => acts.retrieveBatch(ref, batch.batchId),
        (seen) => seen.status !== 'not_found' && !this.cancelPending(),
      );
      status.polls++;
      if (snapshot.status === 'not_found') {
        if (isGivenUp()) return snapshot;
        notFoundSince ??= Date.now();
        if (Date.now() - notFoundSince > NOT_FOUND_PATIENCE_MS) await desk.ask('batch_not_found', `The API knows no batch ${batch.batchId}`);
        continue;
      }
      notFoundSince = undefined;
      this.seen(snapshot);
      if (snapshot.status === 'ended') return snapshot;
      hintMs = snapshot.retryAfterMs;
    }
  }

  private cancelPending(): boolean {
    const { cancelRequested, cancelSent } = this.options.status;
    return cancelRequested && !cancelSent;
  }

  /** A batch that was only found by its total might be somebody else's: it is canceled when a person says so. */
  private async mayCancel(batch: AcceptedCreate): Promise<boolean> {
    if (!batch.adopted) return true;
    return this.options.desk.ask('unproved_batch', `${batch.batchId} was found after an unanswered create, by its total; before its results prove that it is this job's, it is not canceled`);
  }

  private seen(snapshot: BatchSnapshot): void {
    const { status } = this.options;
    status.apiCounts = snapshot.counts ?? status.apiCounts;
    status.expiresAt = snapshot.expiresAt ?? status.expiresAt;
    status.endedAt = snapshot.endedAt;
    if (snapshot.status === 'ended') status.nextPollAt = undefined;
  }
}
