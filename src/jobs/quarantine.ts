import { isUtf8 } from 'node:buffer';
import type { Line } from '../jsonl';
import { openReplacement, removeDurably, type Replacement } from '../storage';
import { type PartFolder, quarantineFile } from './part-folder';

/**
 * Lines of results that could not be taken for the result of a request, kept whole for a person to look at:
 * `{"problem", "round", "part", "line", "offset", "text"}` each, or `"base64"` where a line is not UTF-8.
 * `line` and `offset` count in the results as the API sent them. The file appears when it is saved.
 */
export class Quarantine {
  private file: Replacement | undefined;
  private count = 0;

  constructor(
    private readonly folder: PartFolder,
    private readonly generation: number,
  ) {}

  get lines(): number {
    return this.count;
  }

  /** @param lineNumber from 1. */
  async add(problem: string, lineNumber: number, line: Pick<Line, 'bytes' | 'offset'>): Promise<void> {
    this.file ??= await openReplacement(quarantineFile(this.folder, this.generation));
    const content = isUtf8(line.bytes) ? { text: line.bytes.toString('utf8') } : { base64: line.bytes.toString('base64') };
    const { round, part } = this.folder;
    const entry = { problem, round, part, line: lineNumber, offset: line.offset, ...content };
    await this.file.writer.append(Buffer.from(`${JSON.stringify(entry)}\n`));
    this.count++;
  }

  /** Takes the place of what an earlier attempt put aside. */
  async save(): Promise<void> {
    if (this.file) await this.file.commit();
    else await removeDurably(quarantineFile(this.folder, this.generation));
  }

  /** Throws away what was not saved. */
  async discard(): Promise<void> {
    await this.file?.discard();
  }
}
