/** Checks that ran out of time after which the next ones are not begun. */
const LIMIT = 3;
/** Then so long. Not for ever: a machine that was busy for a moment makes slow what is not. */
const REST_MS = 60_000;

/** Ends trying what takes too long again and again: the event loop stands still each time. */
export class Patience {
  private readonly spentAt: number[] = [];

  /** One more ran out of time. */
  spend(): void {
    this.spentAt.push(Date.now());
    if (this.spentAt.length > LIMIT) this.spentAt.shift();
  }

  /** Whether the last `LIMIT` ran out of time within the last `REST_MS`. */
  get isOver(): boolean {
    return this.spentAt.length === LIMIT && Date.now() - this.spentAt[0]! < REST_MS;
  }
}
