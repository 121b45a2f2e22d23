/**
 * `requests.index`: the hash of each request of the input (see `hashOfRequest`), by which a later job finds the requests that are the
 * same. An aid like results.index: outputs are whole without it.
 *
 *   header   16 bytes: magic `MBREQIDX`, uint64 LE requests of the input
 *   hashes   16 bytes per request, in the order of the input
 */
import { openReplacement, readWhole, removeDurably, ScratchFile, StorageError } from '../../storage';
import type { PartFolder } from '../part-folder';
import { readOrdinals } from '../part-requests';
import { HASH_BYTES, readHashes } from '../request-hash';

const HEADER_BYTES = 16;
const MAGIC = Buffer.from('MBREQIDX');
/** So many requests' hashes are changed in memory at once. */
const WINDOW_REQUESTS = 65_536;

/**
 * Writes it from the parts of round 1, which hold every request. Where an older release has planned one of them there is none.
 * @param scratchPath beside what the working file lies.
 */
export async function writeRequestsIndex(path: string, parts: readonly { folder: PartFolder; requests: number }[], requests: number, scratchPath: string): Promise<void> {
  const scratch = await ScratchFile.open(scratchPath);
  try {
    for (const part of parts) {
      // First what every part has: of a job that another worker has finished meanwhile, nothing is touched.
      const ordinals = await readOrdinals(part.folder, part.requests);
      const hashes = await readHashes(part.folder, part.requests);
      if (!hashes) return await removeDurably(path);
      await place(scratch, ordinals, hashes);
    }
    const header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(header);
    header.writeBigUInt64LE(BigInt(requests), MAGIC.length);
    const file = await openReplacement(path);
    try {
      await file.writer.append(header);
      for await (const chunk of scratch.chunks()) await file.writer.append(chunk);
      await file.commit();
    } finally {
      await file.discard();
    }
  } finally {
    await scratch.discard();
  }
}

/** Within a part the ordinals ascend. */
async function place(scratch: ScratchFile, ordinals: Uint32Array, hashes: Buffer): Promise<void> {
  for (let from = 0; from < ordinals.length; ) {
    const first = ordinals[from]!;
    let to = from + 1;
    while (to < ordinals.length && ordinals[to]! < first + WINDOW_REQUESTS) to++;
    const window = await scratch.read(first * HASH_BYTES, (ordinals[to - 1]! + 1 - first) * HASH_BYTES);
    for (let index = from; index < to; index++) hashes.copy(window, (ordinals[index]! - first) * HASH_BYTES, index * HASH_BYTES, (index + 1) * HASH_BYTES);
    await scratch.write(window, first * HASH_BYTES);
    from = to;
  }
}

/**
 * The hashes of all requests of a job that has ended, 16 bytes each, in the order of its input.
 * @returns undefined where there are none, or they are of another number of requests.
 */
export async function readRequestsIndex(path: string, requests: number): Promise<Buffer | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readWhole(path);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'changed') return undefined;
    throw error;
  }
  const fits = bytes.length === HEADER_BYTES + requests * HASH_BYTES && bytes.subarray(0, MAGIC.length).equals(MAGIC) && Number(bytes.readBigUInt64LE(MAGIC.length)) === requests;
  return fits ? bytes.subarray(HEADER_BYTES) : undefined;
}
