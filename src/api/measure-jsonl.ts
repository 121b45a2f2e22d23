/** The first of two passes over JSONL whose length is not known. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_BATCH_BODY_BYTES } from '../contract/limits';
import { orAborted } from './abort';
import type { BodyReader } from './body-source';
import { InvalidRequestError } from './errors';
import { JsonlFraming } from './jsonl-framing';
import { RequestChecker } from './request-checker';

/**
 * Reads JSONL to its end, parses every line, and counts the bytes. Nothing is sent.
 * @param blocks the JSONL, in memory that may be written to
 * @param signal ends it at once, however long the source takes
 * @throws InvalidRequestError, RequestBodyError as `JsonlBody` does, or the signal's reason
 */
export async function measureJsonl(blocks: BodyReader, signal: AbortSignal): Promise<number> {
  const framing = new JsonlFraming(new RequestChecker(true));
  let bytes = 0;
  const measure = async () => {
    for (let block = await blocks.next(); block; block = await blocks.next()) {
      bytes += block.length;
      if (bytes > MAX_BATCH_BODY_BYTES) throw new InvalidRequestError(`create: jsonl has more than ${MAX_BATCH_BODY_BYTES} bytes, and so has the body of its batch. No batch was made. Cut the requests into more batches.`);
      framing.push(block);
      await nextTurn();
    }
    framing.end();
    return bytes;
  };
  try {
    return await orAborted(measure(), signal);
  } finally {
    blocks.close();
  }
}
