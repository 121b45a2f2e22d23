import { isBlankLine, type Line } from '../jsonl';
import { CustomIdSet } from './custom-id-set';
import { isLineProblem, type LineProblem, type RequestLine } from './request-line';

/** So many suspected ids are compared; an input with more has real duplicates, since random hashes hardly ever meet. */
const MAX_SUSPECTS = 65_536;

/** An id that stands twice. Lines from 1, blank ones counted. */
export interface DuplicateId {
  customId: string;
  line: number;
  /** Where it stands first. */
  firstLine: number;
}

/** Finds ids that stand twice in an input: suspects them while it passes by, and compares the suspects in a second pass. */
export class DuplicateIds {
  private readonly ids = new CustomIdSet();
  private readonly suspects = new Set<string>();
  private beyond = 0;

  /** Whether a second pass is needed. */
  get suspected(): boolean {
    return this.suspects.size > 0;
  }

  /** Duplicates that are too many to be compared. */
  get uncompared(): number {
    return this.beyond;
  }

  add(customId: string): void {
    if (this.ids.add(customId)) return;
    const key = this.ids.keyOf(customId);
    if (this.suspects.has(key)) return;
    if (this.suspects.size < MAX_SUSPECTS) this.suspects.add(key);
    else this.beyond++;
  }

  /**
   * Two ids of one hash may still differ: only the ids themselves tell.
   * @param source the lines of the input once more.
   * @param parse reads one of them.
   * @param onLines told how many lines were looked at.
   */
  async *find(
    source: AsyncIterable<Line[]>,
    parse: (line: Buffer) => RequestLine | LineProblem,
    onLines?: (lines: number) => void,
  ): AsyncGenerator<DuplicateId, void, undefined> {
    const firstLines = new Map<string, number>();
    let line = 0;
    for await (const lines of source) {
      for (const { bytes } of lines) {
        line++;
        const request = isBlankLine(bytes) ? undefined : parse(bytes);
        const id = request && !isLineProblem(request) ? inputId(request) : undefined;
        if (id === undefined || !this.suspects.has(this.ids.keyOf(id))) continue;
        const firstLine = firstLines.get(id);
        if (firstLine === undefined) firstLines.set(id, line);
        else yield { customId: id, line, firstLine };
      }
      onLines?.(line);
    }
  }
}

/** The id that the input gives a request; undefined where it gives none. The number 1 and the text "1" are one: nobody could tell them apart. */
export function inputId({ customId, own }: RequestLine): string | undefined {
  return own ? own.text : customId;
}
