import { condition } from '@temporalio/workflow';
import type { ClosedUnserved } from '../activities';

/** How long the ends of those that were just closed may take to be seen, in ms. */
const CLOSED_SEEN_MS = 5_000;

/** Of canceled follow-ups, those that nobody has taken up and nobody will: they cannot answer a cancel, and are closed so that they can run another time. */
export class UnbegunFollowUps {
  private readonly closed = new Set<string>();
  /** Only they can end themselves. */
  private readonly begun = new Set<string>();
  private asking?: Promise<unknown>;

  /** @param closeUnserved closes those of these workflows that no worker has taken up. */
  constructor(private readonly closeUnserved: (workflowIds: string[]) => Promise<ClosedUnserved>) {}

  /** @param running their workflow ids, as that changes. @returns whether any were closed. */
  async close(running: ReadonlySet<string>): Promise<boolean> {
    const asked = [...running].filter((workflowId) => !this.begun.has(workflowId));
    if (asked.length === 0) return false;
    const closing = this.closeUnserved(asked).then(({ closed, begun }) => {
      for (const workflowId of closed) this.closed.add(workflowId);
      for (const workflowId of begun) this.begun.add(workflowId);
      return closed;
    });
    this.asking = closing;
    const closed = await closing;
    await condition(() => closed.every((workflowId) => !running.has(workflowId)), CLOSED_SEEN_MS);
    return closed.length > 0;
  }

  /** Over once it is known which were closed, where that is being asked for. */
  get closing(): Promise<unknown> | undefined {
    return this.asking;
  }

  /** Whether one that was terminated was so because no worker could answer the cancel. */
  isClosed(workflowId: string): boolean {
    return this.closed.has(workflowId);
  }
}
