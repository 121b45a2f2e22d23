/** The files of a batch that is still arriving. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BufferedFile } from './buffered-file';
import type { OwnOutcome, ResultLine } from './result-line';
import { ShuffleBlock } from './shuffle-block';

const LETTERS: Record<OwnOutcome, string> = { succeeded: 's', errored: 'e', expired: 'x' };

/** The outcome that a line of `outcomes.txt` begins with. */
export function outcomeOfLetter(byte: number): OwnOutcome {
  const letter = String.fromCharCode(byte);
  for (const [outcome, its] of Object.entries(LETTERS)) if (its === letter) return outcome as OwnOutcome;
  throw new Error(`outcomes.txt has a line that begins with ${JSON.stringify(letter)}.`);
}

export class IncomingBatch {
  /** All that were added so far. */
  readonly customIds = new Set<string>();
  readonly outcomes: Record<OwnOutcome, number> = { succeeded: 0, errored: 0, expired: 0 };
  /** Labelled with the line of `outcomes.txt`. */
  private readonly shuffle = new ShuffleBlock<string>();

  private constructor(
    readonly id: string,
    readonly folder: string,
    private readonly body: BufferedFile,
    private readonly answersFile: BufferedFile,
    private readonly outcomesFile: BufferedFile,
  ) {}

  static async open(id: string, folder: string): Promise<IncomingBatch> {
    await mkdir(folder, { mode: 0o700 });
    const [body, answers, outcomes] = await Promise.all(
      ['body.json', 'answers.jsonl', 'outcomes.txt'].map((file) => BufferedFile.create(join(folder, file))),
    );
    return new IncomingBatch(id, folder, body!, answers!, outcomes!);
  }

  /** The next bytes of the body. */
  async addBody(chunk: Buffer): Promise<void> {
    this.body.append(chunk);
    await this.body.flushIfLarge();
  }

  /** What will become of the next request. */
  addResult({ customId, outcome, line }: ResultLine): void {
    this.customIds.add(customId);
    this.outcomes[outcome]++;
    const label = `${LETTERS[outcome]} ${customId}\n`;
    if (!this.shuffle.hasRoomFor(line)) this.writeBlock();
    if (this.shuffle.hasRoomFor(line)) this.shuffle.add(line, label);
    else this.write(Buffer.from(line), label);
  }

  /** Waits for what was added so far, where that has become much. */
  async flushIfLarge(): Promise<void> {
    await this.answersFile.flushIfLarge();
    await this.outcomesFile.flushIfLarge();
  }

  async close(): Promise<void> {
    this.writeBlock();
    await Promise.all([this.body.close(), this.answersFile.close(), this.outcomesFile.close()]);
  }

  /** For a create that comes to nothing. */
  async discard(): Promise<void> {
    await Promise.all([this.body.abandon(), this.answersFile.abandon(), this.outcomesFile.abandon()]);
    await rm(this.folder, { recursive: true, force: true });
  }

  private writeBlock(): void {
    const { lines, labels } = this.shuffle.drain();
    this.write(lines, labels.join(''));
  }

  private write(lines: Buffer, labels: string): void {
    this.answersFile.append(lines);
    this.outcomesFile.append(Buffer.from(labels));
  }
}
