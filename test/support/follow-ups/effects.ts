import type { FollowUpSliceInput } from '../../../src/contract';
import { sliceResults } from '../../../src/follow-up/activity';

/** What follow-ups of tests do outside of Temporal, counted in this process. */
export class FollowUpEffects {
  /** How often each has run, by custom_id. */
  readonly runs = new Map<string, number>();
  private readonly running = new Set<string>();
  /** The most that ever ran at once. */
  most = 0;

  activities() {
    return {
      /** @returns how often it has run, now included. */
      began: async (id: string): Promise<number> => {
        const runs = (this.runs.get(id) ?? 0) + 1;
        this.runs.set(id, runs);
        this.running.add(id);
        this.most = Math.max(this.most, this.running.size);
        return runs;
      },
      /** Does it for each result of a slice. @returns how many there were. */
      beganSlice: async (slice: FollowUpSliceInput): Promise<number> => {
        let results = 0;
        for await (const { customId } of sliceResults(slice)) {
          this.runs.set(customId, (this.runs.get(customId) ?? 0) + 1);
          results++;
        }
        return results;
      },
      ended: async (id: string): Promise<void> => void this.running.delete(id),
    };
  }

  /** Waits until so many of these have begun a second time. */
  async ranAgain(prefix: string, count: number): Promise<void> {
    const again = () => [...this.runs].filter(([id, runs]) => id.startsWith(prefix) && runs > 1).length;
    while (again() < count) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Waits until so many have begun. */
  async begun(count: number): Promise<void> {
    while (this.runs.size < count) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export type Effects = ReturnType<FollowUpEffects['activities']>;
