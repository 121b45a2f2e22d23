import type { ResultsStream } from '../../../api';
import { counted } from '../../display/rendering';
import type { Rendering } from '../../display/rendering';
import { printable } from '../../printable';

const LINE_FEED = Buffer.from('\n');

/** Passes results on, and keeps count of what came. */
export class ReceivedResults {
  /** An answer had begun. */
  begun = false;
  /** How many lines were passed on as lines. */
  results = 0;
  /** Of these, by `result.type`. */
  readonly outcomes: Record<string, number> = {};
  /** Where, in the whole of the results, the next byte stands that was not passed on. */
  end: number;
  entityTag?: string;

  /** @param from where in the whole of the results to begin; what comes before is left out */
  constructor(private readonly from: number) {
    this.end = from;
  }

  /** About how many bytes were passed on: blank lines count. */
  get passedOn(): number {
    return this.end - this.from;
  }

  /** The bytes as they come. */
  async *bytes(stream: ResultsStream): AsyncGenerator<Buffer, void, undefined> {
    let at = this.#begin(stream);
    for await (const chunk of stream.body) {
      const skipped = Math.min(Math.max(this.from - at, 0), chunk.length);
      at += chunk.length;
      if (skipped === chunk.length) continue;
      yield chunk.subarray(skipped);
      this.end = at;
    }
  }

  /** The lines, each with its line feed. */
  async *lines(stream: ResultsStream): AsyncGenerator<Buffer, void, undefined> {
    this.#begin(stream);
    for await (const { offset, bytes, outcome } of stream.lines()) {
      if (offset < this.from) continue;
      yield Buffer.concat([bytes, LINE_FEED]);
      this.end = offset + bytes.length + LINE_FEED.length;
      this.results++;
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    }
  }

  /** `20 results (19 succeeded · 1 errored)`. */
  summary(rendering: Rendering): string {
    const outcomes = Object.entries(this.outcomes).map(([outcome, count]) => `${rendering.formats.count(count)} ${printable(outcome)}`);
    return `${counted(this.results, 'result', rendering)}${outcomes.length > 0 ? ` (${outcomes.join(' · ')})` : ''}`;
  }

  /** @returns where the stream begins in the whole of the results */
  #begin(stream: ResultsStream): number {
    this.begun = true;
    this.entityTag = stream.entityTag;
    return stream.offset;
  }
}
