/** Who is told that a job ended, or that it pauses. */
import { CancellationScope, log } from '@temporalio/workflow';
import type { Attention, Problem } from '../contract';
import type { activities } from './activity-profiles';

export interface JobNoticesOptions {
  acts: ReturnType<typeof activities>;
  jobId: string;
  /** See `JobInput.notify`. */
  targets: string[];
  /** Told of targets that could not be told. */
  onProblem: (problem: Problem) => void;
}

export class JobNotices {
  private sending: Promise<void> = Promise.resolve();

  constructor(private readonly options: JobNoticesOptions) {}

  /** The job pauses, because somebody said so or because only a person can go on. Nobody waits for the telling. */
  paused(since: string, attention?: Attention): void {
    this.send({ event: 'paused', since, attention });
  }

  /** The report is written. Returns when all have been told, or could not be. */
  async ended(): Promise<void> {
    this.send({ event: 'ended' });
    await this.sent();
  }

  /** What is under way comes to its end. */
  async sent(): Promise<void> {
    let last: Promise<void> | undefined;
    while (last !== this.sending) await (last = this.sending);
  }

  private send(notice: { event: 'paused' | 'ended'; since?: string; attention?: Attention }): void {
    const { targets } = this.options;
    if (targets.length === 0) return;
    const before = this.sending;
    // Not in the scope of whoever asks, which is the canceled one where the workflow itself was canceled.
    this.sending = CancellationScope.nonCancellable(() => before.then(() => this.tell(notice)));
  }

  /** One after another, so that nobody hears of the end before the pause. A notice that fails stops no job. */
  private async tell(notice: { event: 'paused' | 'ended'; since?: string; attention?: Attention }): Promise<void> {
    const { acts, jobId, targets, onProblem } = this.options;
    try {
      const { failed } = await acts.notify({ jobId, targets, ...notice });
      if (failed.length > 0) onProblem({ kind: 'not_notified', count: failed.length, examples: failed.map(({ target, reason }) => `${target}: ${reason}`) });
    } catch (error) {
      log.warn('Nobody could be told', { event: notice.event, error: String(error) });
    }
  }
}
