/** How a part comes to its batch: admitted, created once, and looked up where nobody knows whether it was. */
import { condition, log, sleep, workflowInfo } from '@temporalio/workflow';
import type { CreateResult, KnownCreate, NotAccepted, OpenedPart, PartReference, ReconcileResult } from '../activities';
import type { BatchPhase, BatchStatus } from '../contract';
import { resultsKeptUntil } from '../contract';
import type { activities } from './activity-profiles';
import type { Admission } from './admission';
import type { AttentionDesk } from './attention';

export type AcceptedCreate = Extract<KnownCreate, { kind: 'accepted' }> & { ended?: boolean };

/** A batch that is certainly ours to wait for, or why there is none. */
export type Obtained =
  | AcceptedCreate
  | { kind: 'unsent'; reason: string }
  /** In the API's words. */
  | { kind: 'too_large'; message: string };

/** Between two tries of a create that was certainly not accepted, or was not granted, in ms; doubled up to the longest. */
const FIRST_CREATE_RETRY_MS = 1_000;
const LONGEST_CREATE_RETRY_MS = 60_000;

export interface BatchCreationOptions {
  acts: ReturnType<typeof activities>;
  ref: PartReference;
  /** Shared with whoever owns it; read and written. */
  status: BatchStatus;
  desk: AttentionDesk;
  graceMs: number;
  /** Undefined in runs that an older release has begun. */
  admission?: Admission;
  /** Why the job does not want the batch any more, where that is so. */
  withdrawn: () => string | undefined;
  enter: (phase: BatchPhase) => void;
  continueAsNew: () => Promise<never>;
}

export class BatchCreation {
  private createRetryMs = FIRST_CREATE_RETRY_MS;
  private claimRetryMs = FIRST_CREATE_RETRY_MS;
  private isAdmitted = false;

  constructor(private readonly options: BatchCreationOptions) {}

  async obtain(opened: OpenedPart, known: KnownCreate & { ended?: boolean }): Promise<Obtained> {
    const { status, admission, continueAsNew } = this.options;
    for (;;) {
      // All that is known is on record, so a new run finds it there.
      if (known.kind !== 'accepted' && workflowInfo().continueAsNewSuggested) await continueAsNew();
      if (known.kind === 'accepted') {
        status.batchId = known.batchId;
        status.createdAt = known.createdAt;
        status.resultsKeptUntil = resultsKeptUntil(known.createdAt);
        await admission?.accepted();
        return known;
      }
      if (known.kind === 'open') {
        known = await this.reconcile(known.attempt);
        continue;
      }
      const may = await this.mayCreate();
      if (may === 'in a new run') continue;
      if (may === 'no') {
        await admission?.left();
        return { kind: 'unsent', reason: this.options.withdrawn() ?? 'The job was canceled before this part was sent' };
      }
      const seen = this.options.desk.resumes;
      const created = await this.create(opened, known.attempt);
      if (created.kind !== 'not_accepted') {
        known = created;
        continue;
      }
      if (created.why === 'refused' || created.why === 'too_large') {
        await admission?.left();
        return created.why === 'refused' ? { kind: 'unsent', reason: `The API refused the batch: ${created.message}` } : { kind: 'too_large', message: created.message };
      }
      await this.beforeNextCreate(created.why, created.message, { retryAfterMs: created.retryAfterMs, seen });
      known = { kind: 'none', attempt: created.nextAttempt };
    }
  }

  /** Waits for the end of a pause, and for room in the queue. `no` where it is not wanted any more. */
  private async mayCreate(): Promise<'yes' | 'no' | 'in a new run'> {
    const { status, admission } = this.options;
    for (;;) {
      // A turn is not kept while it is paused: others need it.
      if (status.paused && this.isAdmitted) await this.giveTurnBack();
      await condition(() => !status.paused || this.isUnwanted());
      if (this.isUnwanted()) return 'no';
      if (!admission || this.isAdmitted) return 'yes';
      this.options.enter('queued');
      this.isAdmitted = await admission.enter(() => status.paused || this.isUnwanted() || workflowInfo().continueAsNewSuggested);
      if (this.isAdmitted) continue;
      if (workflowInfo().continueAsNewSuggested && !status.paused && !this.isUnwanted()) return 'in a new run';
      await admission.left();
    }
  }

  private async giveTurnBack(): Promise<void> {
    this.isAdmitted = false;
    await this.options.admission?.left();
  }

  /** Canceled, or withdrawn by its job. */
  private isUnwanted(): boolean {
    return this.options.status.cancelRequested || this.options.withdrawn() !== undefined;
  }

  private async create(opened: OpenedPart, attempt: number): Promise<CreateResult> {
    const { acts, ref, status, desk, graceMs, enter } = this.options;
    enter('creating');
    const claim = await desk.untilDone(() => acts.claimCreate(ref, opened.requests));
    if (!claim.granted) {
      await condition(() => status.cancelRequested, this.claimRetryMs);
      this.claimRetryMs = Math.min(this.claimRetryMs * 2, LONGEST_CREATE_RETRY_MS);
      return { kind: 'none', attempt };
    }
    this.claimRetryMs = FIRST_CREATE_RETRY_MS;
    try {
      const terms = { newestBefore: claim.newestBefore ?? [], graceMs };
      return await acts.createBatch(opened.createTimeoutMs)(ref, attempt, terms);
    } catch (error) {
      // Crashed, frozen, timed out: whatever it was, only the records and the API can tell what became of it.
      log.warn('The create activity did not end', { attempt, error: String(error) });
      return { kind: 'open', attempt };
    }
  }

  /** @param seen how often a person had come before the create. */
  private async beforeNextCreate(why: Exclude<NotAccepted, 'refused' | 'too_large'>, message: string, { retryAfterMs = 0, seen }: { retryAfterMs?: number; seen: number }): Promise<void> {
    const { desk, admission } = this.options;
    const unwanted = (): boolean => this.isUnwanted();
    if (why === 'queue_full' && admission) {
      this.isAdmitted = false;
      await admission.refused('queue_full');
    } else if (why === 'passing' || why === 'queue_full') {
      await condition(unwanted, Math.max(this.createRetryMs, retryAfterMs));
      this.createRetryMs = Math.min(this.createRetryMs * 2, LONGEST_CREATE_RETRY_MS);
    } else {
      if (why === 'spend_limit') {
        await admission?.refused('spend_limit');
      } else {
        // What only stops this part must not keep others from creating.
        await this.giveTurnBack();
      }
      // Somebody has seen to it: that it waits for room now is no matter for a person.
      if ((await desk.ask(why, message, unwanted, undefined, seen)) && admission) await desk.clear();
    }
  }

  /** Looks for the batch of an unanswered create until it is found, or proved not to exist. */
  private async reconcile(attempt: number): Promise<KnownCreate> {
    const { acts, ref, status, desk, admission, enter } = this.options;
    enter('reconciling');
    // It may be in the queue; and a look-up can take long, so it is no create under way that others wait for.
    await admission?.accepted();
    this.isAdmitted = true;
    let waitedMs = 0;
    for (;;) {
      const seen = desk.resumes;
      const found: ReconcileResult = await desk.untilDone(
        () => acts.reconcileCreate(ref, attempt, waitedMs),
        (result) => result.kind !== 'ambiguous',
      );
      if (found.kind === 'ambiguous') {
        await desk.ask('ambiguous_create', found.message, undefined, undefined, seen);
      } else if (found.kind === 'wait') {
        const ms = Math.max(1_000, found.ms);
        status.nextPollAt = new Date(Date.now() + ms).toISOString();
        await sleep(ms);
        waitedMs += ms;
      } else {
        status.nextPollAt = undefined;
        return found;
      }
    }
  }
}
