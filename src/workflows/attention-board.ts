import { ActivityFailure } from '@temporalio/workflow';
import type { Attention } from '../contract';
import { ACTIVITY_PREFIX } from '../contract';
import { AttentionDesk } from './attention';

/**
 * For a workflow that does several things at once, each of which may wait for a person: each has a desk of its own, and attention is
 * shown as long as any of them asks. Of several that ask, the first is shown.
 */
export class AttentionBoard {
  private readonly desks = new Set<AttentionDesk>();
  /** In the order in which they have asked. */
  private readonly asking = new Map<AttentionDesk, Attention>();
  /** Begun telling comes to its end, one after another: what is told last is how it stands. */
  private telling: Promise<void> = Promise.resolve();

  /**
   * @param changed told when what is to be shown has changed; false where that could not be told: then the next `update` tells it.
   * @param shown what was shown last, in an earlier run.
   */
  constructor(
    private readonly changed: (attention: Attention | undefined) => Promise<boolean>,
    private shown?: Attention,
  ) {}

  /** A desk for one matter, for as long as the workflow runs. @param current what is asked for there, and was shown in an earlier run. */
  desk(current?: Attention): AttentionDesk {
    const desk: AttentionDesk = new AttentionDesk((attention) => this.take(desk, attention), current);
    this.desks.add(desk);
    if (current) this.asking.set(desk, current);
    return desk;
  }

  /** The `resume` signal; a cancel wakes who waits as well. */
  resume(): void {
    for (const desk of this.desks) desk.resume();
  }

  /** Tells anew what was shown in an earlier run where that is no longer so, and what could not be told before. */
  update(): Promise<void> {
    this.telling = this.telling.then(() => this.tell());
    return this.telling;
  }

  /** What is to be told has been, as far as it could be. */
  async told(): Promise<void> {
    let last: Promise<void> | undefined;
    while (last !== this.telling) await (last = this.telling);
  }

  private async tell(): Promise<void> {
    const [first] = this.asking.values();
    if (isSame(first, this.shown)) return;
    if (await this.changed(first)) this.shown = first;
  }

  /** What is shown: whoever is told of it knows. */
  get current(): Attention | undefined {
    return this.shown;
  }

  /**
   * Runs an activity for as often as it takes, as `AttentionDesk.untilDone` does. What fails for no reason that is known is asked for as
   * well: what runs beside it may take hours, and nobody would hear of it before.
   *
   * @param isAnswer whether a failure is one that the caller knows what to do with.
   */
  async untilDone<T>(activity: () => Promise<T>, isAnswer: (failure: ActivityFailure) => boolean = () => false): Promise<T> {
    const desk = this.desk();
    try {
      for (;;) {
        const seen = desk.resumes;
        try {
          return await desk.untilDone(activity);
        } catch (error) {
          if (!(error instanceof ActivityFailure) || isAnswer(error)) throw error;
          await desk.ask('unexpected', `${error.activityType.replace(ACTIVITY_PREFIX, '')} fails: ${error.cause?.message ?? error.message}`, undefined, undefined, seen);
        }
      }
    } finally {
      this.desks.delete(desk);
      // Not awaited: what is done is not held up by who is told of it.
      void this.take(desk, undefined);
    }
  }

  private take(desk: AttentionDesk, attention: Attention | undefined): Promise<void> {
    if (attention) this.asking.set(desk, attention);
    else this.asking.delete(desk);
    return this.update();
  }
}

function isSame(one: Attention | undefined, other: Attention | undefined): boolean {
  return one?.code === other?.code && one?.message === other?.message && one?.hint === other?.hint;
}
