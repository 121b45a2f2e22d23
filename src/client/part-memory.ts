/** What was found out about the parts of a job, so that a look at a hundred of them is not a hundred questions each second. */
import type { RunningPart } from '../contract';
import type { ObservedPart } from './observed-status';

/** Parts that are asked again at one look, beside those that nothing is known of yet. */
const MOST_ASKED_AGAIN = 20;
/** Questions under way at once. */
const SIDE_BY_SIDE = 10;
/** How long the answer of a part that waits (for its next look at the API, for room, for a worker) is believed, in ms. */
const BELIEVED_MS = 30_000;

interface Remembered {
  observed: ObservedPart;
  askedAt: number;
  /** Nothing changes before, as far as is known; ms since 1970. */
  goodUntil: number;
}

export class PartMemory {
  private readonly remembered = new Map<string, Remembered>();
  private situation = '';

  /**
   * The parts as they are now, or were when they were asked last. Those that were never asked are asked at once; of the
   * others that may have changed, the twenty that were asked the longest ago.
   *
   * @param situation what the answers depend on besides time; where it is another, all may have changed.
   * @param waits whether nothing is going to change in a part until its next look, or for a while.
   */
  async look(parts: RunningPart[], ask: (part: RunningPart) => Promise<ObservedPart>, { situation, waits }: { situation: string; waits: (part: ObservedPart) => boolean }): Promise<ObservedPart[]> {
    const now = Date.now();
    const open = new Set(parts.map((part) => part.workflowId));
    for (const [id, each] of this.remembered) {
      if (!open.has(id)) this.remembered.delete(id);
      else if (situation !== this.situation) each.goodUntil = 0;
    }
    this.situation = situation;

    const unknown = parts.filter((part) => !this.remembered.has(part.workflowId));
    const stale = parts.filter((part) => (this.remembered.get(part.workflowId)?.goodUntil ?? Infinity) <= now).sort((a, b) => this.askedAt(a) - this.askedAt(b));
    await sideBySide([...unknown, ...stale.slice(0, MOST_ASKED_AGAIN)], async (part) => {
      const observed = await ask(part);
      this.remembered.set(part.workflowId, { observed, askedAt: now, goodUntil: waits(observed) ? now + Math.min(BELIEVED_MS, msToNextPoll(observed, now)) : 0 });
    });
    return parts.map((part) => ({ ...this.remembered.get(part.workflowId)?.observed, ...part }));
  }

  private askedAt({ workflowId }: RunningPart): number {
    return this.remembered.get(workflowId)?.askedAt ?? 0;
  }
}

function msToNextPoll({ status }: ObservedPart, now: number): number {
  return status?.nextPollAt === undefined ? BELIEVED_MS : Math.max(0, Date.parse(status.nextPollAt) - now);
}

async function sideBySide<T>(all: T[], run: (each: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const lane = async (): Promise<void> => {
    for (const each of waiting) await run(each);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
}
