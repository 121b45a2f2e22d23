/**
 * Puts lines out of order, a block at a time: results of the API come in any order, and a client that counts on the
 * order of its requests should fail here. The same lines always come in the same order.
 * The lines wait outside of the JavaScript heap, so that they make no work for the garbage collector.
 */

const BLOCK_BYTES = 2 * 1024 * 1024;
/** UTF-8 takes at most so many bytes for one unit of a JavaScript string. */
const BYTES_A_UNIT = 3;

export class ShuffleBlock<Label> {
  private readonly bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private readonly labels: Label[] = [];
  private readonly ends: number[] = [];
  private used = 0;
  private state = 1;

  /** Whether a block that holds something already has room for one more line. */
  hasRoomFor(line: string): boolean {
    return this.used + line.length * BYTES_A_UNIT <= BLOCK_BYTES;
  }

  /** @param label comes back with the line */
  add(line: string, label: Label): void {
    this.used += this.bytes.write(line, this.used);
    this.ends.push(this.used);
    this.labels.push(label);
  }

  /** Every line that waits, in another order, one behind the other. The block is empty then. */
  drain(): { lines: Buffer; labels: Label[] } {
    const lines = Buffer.allocUnsafeSlow(this.used);
    let copied = 0;
    const order = this.order();
    for (const index of order) copied += this.bytes.copy(lines, copied, this.ends[index - 1] ?? 0, this.ends[index]);
    const labels = order.map((index) => this.labels[index]!);
    this.labels.length = 0;
    this.ends.length = 0;
    this.used = 0;
    return { lines, labels };
  }

  /** Last line first, the others shuffled: two lines or more are never in the order in which they came. */
  private order(): number[] {
    const order = this.ends.map((_, index) => index);
    for (let left = order.length - 1; left > 1; left--) {
      const picked = this.random(left);
      [order[left - 1], order[picked]] = [order[picked]!, order[left - 1]!];
    }
    return order.toReversed();
  }

  /** A xorshift generator with a fixed seed. */
  private random(below: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % below;
  }
}
