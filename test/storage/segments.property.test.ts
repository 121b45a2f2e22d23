/** Random attempts that open, begin, append, freeze and die in any order: the chain always equals the truth. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { openSegments, type Segments, type SegmentWriter, SupersededError } from '../../src/storage';
import { bytesOf } from './helpers';

/** The source: lines of all lengths. */
const source = Buffer.from(Array.from({ length: 400 }, (_, i) => `${i}${'·'.repeat((i * 7) % 23)}\n`).join(''));

/** Up to the end of the line that begins or goes on at an offset. */
function linesFrom(offset: number, count: number): Buffer {
  let end = offset;
  for (let i = 0; i < count && end < source.length; i++) end = source.indexOf(0x0a, end) + 1;
  return source.subarray(offset, end);
}

/** One attempt to fetch the source. A frozen one is one whose steps come late. */
class Attempt {
  private segments: Segments | undefined;
  private writer: SegmentWriter | undefined;
  private position = 0;

  constructor(private readonly folder: string) {}

  async step(step: Step): Promise<void> {
    if (step.kind === 'open') {
      await this.writer?.close();
      this.writer = undefined;
      this.segments = await openSegments(this.folder);
      this.position = this.segments.checkpoint;
    } else if (step.kind === 'begin') {
      await this.writer?.close();
      this.writer = await this.segments?.begin().catch((error: unknown) => {
        // Another one has begun since: this one has to open again.
        if (!(error instanceof SupersededError)) throw error;
        return undefined;
      });
      this.position = this.segments?.checkpoint ?? 0;
    } else if (this.writer) {
      await this.write(step, this.writer);
    }
  }

  private async write(step: Step, writer: SegmentWriter): Promise<void> {
    const lines = linesFrom(this.position, step.lines);
    if (step.kind === 'append') {
      await writer.append(lines);
      this.position += lines.length;
      const synced = await writer.sync();
      // What is synced by an attempt that nobody has overtaken is never lost again.
      const { checkpoint } = await openSegments(this.folder);
      if (checkpoint < synced && !(await writer.superseded())) throw new Error(`Synced up to ${synced}, found ${checkpoint}`);
    } else {
      // Killed in the middle of a write: part of a line stays behind, and the attempt is gone.
      await writer.close();
      appendFileSync(writer.path, lines.subarray(0, Math.floor(lines.length * step.share)));
      this.writer = undefined;
      this.segments = undefined;
    }
  }

  async end(): Promise<void> {
    await this.writer?.close();
  }
}

interface Step {
  attempt: number;
  kind: 'open' | 'begin' | 'append' | 'die';
  lines: number;
  share: number;
}

const steps = fc.array(
  fc.record({
    attempt: fc.nat(3),
    kind: fc.constantFrom<Step['kind'][]>('open', 'begin', 'append', 'append', 'append', 'die'),
    lines: fc.integer({ min: 1, max: 12 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { minLength: 5, maxLength: 40 },
);

it('the chain equals the truth, whoever wakes up and dies when', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const folder = mkdtempSync(join(tmpdir(), 'segments-'));
      const attempts = Array.from({ length: 4 }, () => new Attempt(folder));
      try {
        for (const step of all) {
          await attempts[step.attempt]!.step(step);
          const segments = await openSegments(folder);
          const stored = await bytesOf(segments.read());
          expect(stored.length).toBe(segments.checkpoint);
          expect(stored.equals(source.subarray(0, stored.length))).toBe(true);
        }
      } finally {
        for (const attempt of attempts) await attempt.end();
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 150, interruptAfterTimeLimit: 10_000 },
  );
});
