import { ActivityFailure, ApplicationFailure, condition, patched } from '@temporalio/workflow';
import type { Attention, AttentionCode } from '../contract';
import { shortened } from '../contract';

/** Of what a person is told, in characters: it goes into signals and memos, which have a limit. */
const MAX_MESSAGE_LENGTH = 2_000;

/** First wait before what needed a person is tried again without one, in ms; doubled each time. */
const FIRST_RETRY_MS = 5 * 60_000;
const LONGEST_RETRY_MS = 6 * 3_600_000;

const HINTS: Record<AttentionCode, string> = {
  key_refused: 'Set ANTHROPIC_API_KEY to a key of the workspace that made the batches, then run the same command again.',
  no_access: "Mend the worker's environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY, NODE_EXTRA_CA_CERTS) or the function that gives its credential, then run the same command again.",
  spend_limit: 'Raise the limit in the Console, then run `message-batches resume`.',
  ambiguous_create: 'Look at these batches in the Console; delete or archive what is not this job\'s, then run `message-batches resume`.',
  unproved_batch: 'If that batch is yours, run `message-batches resume`: it is then canceled. Its results are kept either way.',
  api_refused: 'Look at what the API says; once that is mended, run `message-batches resume`.',
  batch_not_found: 'Check that the key is of the workspace that made the batch, then run `message-batches resume`. If the batch was deleted, run `message-batches cancel`: its requests without a result then end as missing.',
  unexpected: 'This should not happen: please report it, with this message. Nothing is lost; `message-batches resume` tries again, perhaps with another release.',
  part_failed: 'Look at the part\'s workflow in Temporal\'s web UI, then run `message-batches resume`.',
  follow_up_unserved: 'Start a worker that serves this workflow on this task queue; the follow-ups then go on by themselves. A cancel leaves out those that have not begun.',
  cancel_unserved: 'Start a worker that serves this workflow on this task queue, so that they can end in order; or terminate them, in Temporal\'s web UI or by `temporal workflow terminate`, and run `message-batches resume`. Until then they are waited for.',
  storage: 'Free disk space or restore the file or permission, then run `message-batches resume`.',
};

/** Where a worker serves the workflow, but its code throws. */
const MEND_CODE = 'Mend the code of this workflow and restart its worker, or start another worker that serves it; the follow-ups then go on by themselves. A cancel leaves out those that have not begun.';

function hintOf(code: AttentionCode, message: string): string {
  return code === 'follow_up_unserved' && message.includes('workflow tasks of ') ? MEND_CODE : HINTS[code];
}

/** Waits that become longer from one time to the next, until a person has come. */
export class BackOff {
  private retryMs = FIRST_RETRY_MS;

  /** @param resumes how often a person has come. */
  constructor(private readonly resumes: () => number) {}

  /**
   * Waits until it is time to try again: for a while, until a person comes, or until `unless` holds.
   * @param seen how often one had come when it was asked for. @returns whether the wait was cut short.
   */
  async wait(unless: () => boolean, seen: number): Promise<boolean> {
    const resumed = await condition(() => this.resumes() > seen || unless(), this.retryMs);
    this.retryMs = resumed ? FIRST_RETRY_MS : Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
    return resumed;
  }

  reset(): void {
    this.retryMs = FIRST_RETRY_MS;
  }
}

/**
 * Waits for a person where only one can help, and tries again by itself now and then.
 * What waits costs nothing and loses nothing.
 */
export class AttentionDesk {
  /** How often a person has come. */
  resumes = 0;
  private readonly own = this.backOff();
  /** Since when a person has been waited for without one having come. */
  private since?: string;

  /**
   * @param changed called when attention is asked for, and when it is no longer.
   * @param current what is asked for since an earlier run.
   */
  constructor(
    private readonly changed: (attention: Attention | undefined) => Promise<void>,
    public current?: Attention,
  ) {
    this.since = current?.since;
  }

  /** The `resume` signal; a cancel wakes who waits as well. */
  resume(): void {
    this.resumes++;
  }

  /**
   * Asks for a person, and returns when it is time to try again, or at once where `unless` holds.
   * @param seenBefore how often one had come before it was tried: a `resume` that is handled together with the failure is handled first.
   * @returns whether somebody came.
   */
  async ask(code: AttentionCode, message: string, unless: () => boolean = () => false, hint: string = hintOf(code, message), seenBefore?: number): Promise<boolean> {
    // Counted before anything is awaited: a `resume` that comes meanwhile is meant for this.
    const seen = seenBefore !== undefined && patched('resume-with-failure') ? seenBefore : this.resumes;
    await this.tell(code, message, hint);
    return this.wait(unless, seen);
  }

  /** Waits until it is time to try again, as `ask` does, after `tell`. */
  private async wait(unless: () => boolean, seen: number): Promise<boolean> {
    const resumed = await this.own.wait(unless, seen);
    // Asked for again after a person came, it is another matter.
    if (resumed) this.since = undefined;
    return resumed;
  }

  /** For a matter that is told at this desk, and tried again on its own, while others are told here and taken back. */
  backOff(): BackOff {
    return new BackOff(() => this.resumes);
  }

  /** Says that a person is needed, and waits for nobody. */
  async tell(code: AttentionCode, message: string, hint: string = hintOf(code, message)): Promise<void> {
    this.current = { code, message: shortened(message, MAX_MESSAGE_LENGTH), hint, since: (this.since ??= new Date().toISOString()) };
    await this.changed(this.current);
  }

  /** What was asked for is no longer needed. */
  async clear(): Promise<void> {
    if (!this.current) return;
    this.current = this.since = undefined;
    this.own.reset();
    await this.changed(undefined);
  }

  /**
   * Runs an activity for as often as it takes; what only a person can mend is asked for in between.
   * @param settles whether a result means that nobody is needed any more.
   */
  async untilDone<T>(activity: () => Promise<T>, settles: (result: T) => boolean = () => true): Promise<T> {
    for (;;) {
      const seen = this.resumes;
      try {
        const result = await activity();
        if (settles(result)) await this.clear();
        return result;
      } catch (error) {
        const asked = attentionOf(error);
        if (!asked) throw error;
        await this.ask(asked.code, asked.message, undefined, undefined, seen);
      }
    }
  }
}

/** What a failed activity asks a person for, where it does. */
function attentionOf(error: unknown): { code: AttentionCode; message: string } | undefined {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return undefined;
  const [details] = (error.cause.details ?? []) as [{ code?: string }?];
  const code = details?.code;
  return code !== undefined && code in HINTS ? { code: code as AttentionCode, message: error.cause.message } : undefined;
}
