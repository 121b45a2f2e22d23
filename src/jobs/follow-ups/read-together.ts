/** Reads many small ranges of few files: those that lie beside each other at once, and each file opened once. */
import type { DataReference } from '../../contract';
import { openForReading, StorageError, type OpenFile } from '../../storage';
import { goneError } from '../read-reference';

/** Bytes between two ranges that are rather read along than sought over. */
const GAP_BYTES = 64 * 1024;
/** No read is longer, but for one of a single longer range. */
const READ_BYTES = 1024 * 1024;
/** Files that stay open: of a part there are as many as attempts to store its results, in S3 one for each few megabytes. */
const OPEN_FILES = 8;

/** The files that references point into, while somebody reads there. Close it. */
export class ReferencedFiles {
  /** In order of their last use. */
  private readonly open = new Map<string, OpenFile>();

  /**
   * @param references each with offset and length.
   * @returns the bytes of each, in the same order. Those that were read together share memory.
   * @throws StorageError `changed` where they are not there
   */
  async read(references: readonly DataReference[]): Promise<Buffer[]> {
    const found: Buffer[] = [];
    for (const { uri, from, to, members } of readsOf(references)) {
      const bytes = await (await this.fileAt(uri)).read(from, to - from);
      if (bytes.length < to - from) throw goneError(uri, `${uri} has become shorter: it ends before byte ${to}.`);
      for (const index of members) {
        const { offset = 0, length = 0 } = references[index]!;
        found[index] = bytes.subarray(offset - from, offset - from + length);
      }
    }
    return found;
  }

  async close(): Promise<void> {
    const files = [...this.open.values()];
    this.open.clear();
    await Promise.all(files.map((file) => file.close()));
  }

  private async fileAt(uri: string): Promise<OpenFile> {
    const file = this.open.get(uri) ?? (await openReferenced(uri));
    this.open.delete(uri);
    this.open.set(uri, file);
    for (const [oldest, unused] of this.open) {
      if (this.open.size <= OPEN_FILES) break;
      this.open.delete(oldest);
      await unused.close();
    }
    return file;
  }
}

async function openReferenced(uri: string): Promise<OpenFile> {
  try {
    return await openForReading(uri);
  } catch (error) {
    throw error instanceof StorageError && error.missing ? goneError(uri, error.message, { cause: error, missing: true }) : error;
  }
}

interface Read {
  uri: string;
  from: number;
  to: number;
  /** Positions of the references that it holds. */
  members: number[];
}

function readsOf(references: readonly DataReference[]): Read[] {
  const order = [...references.keys()].sort((a, b) => compare(references[a]!, references[b]!));
  const reads: Read[] = [];
  for (const index of order) {
    const { uri, offset = 0, length = 0 } = references[index]!;
    const end = offset + length;
    const last = reads.at(-1);
    if (last && last.uri === uri && offset - last.to <= GAP_BYTES && end - last.from <= READ_BYTES) {
      last.to = Math.max(last.to, end);
      last.members.push(index);
    } else {
      reads.push({ uri, from: offset, to: end, members: [index] });
    }
  }
  return reads;
}

function compare(a: DataReference, b: DataReference): number {
  if (a.uri !== b.uri) return a.uri < b.uri ? -1 : 1;
  return (a.offset ?? 0) - (b.offset ?? 0);
}
