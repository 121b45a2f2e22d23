import { createHash } from 'node:crypto';
import { BodyAssembler } from './body-assembler';
import type { PartFolder } from './part-folder';
import { partChanged, readPartRequests } from './part-requests';
import type { PlannedPart } from './round-plan';

/** The body of a create call. */
export interface StreamedBody {
  contentLength: number;
  /** Gives them from the beginning, each time; about 256 KB each, read from disk as they are asked for. */
  chunks: () => AsyncIterable<Buffer>;
}

/**
 * The create body of a part, `{"requests":[…]}`, made of the job's own copy of its lines.
 * Reading it throws a StorageError `changed`, before the last chunk, where length or hash are not those
 * of the plan: a changed part is never sent whole, so the API never accepts it.
 */
export function createBody(folder: PartFolder, plan: PlannedPart): StreamedBody {
  return { contentLength: plan.bodyBytes, chunks: () => bodyChunks(folder, plan) };
}

async function* bodyChunks(folder: PartFolder, plan: PlannedPart): AsyncGenerator<Buffer, void, undefined> {
  const body = new BodyAssembler();
  const hash = createHash('sha256');
  let bytes = 0;
  const checked = (chunk: Buffer): Buffer => {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > plan.bodyBytes) throw partChanged(folder.requests, 'it makes a longer body than was planned');
    return chunk;
  };
  for await (const requests of readPartRequests(folder)) {
    for (const { request } of requests) {
      const chunk = body.add(request.sent);
      if (chunk) yield checked(chunk);
    }
  }
  const last = checked(body.end());
  if (bytes !== plan.bodyBytes || hash.digest('hex') !== plan.bodySha256) throw partChanged(folder.requests, 'its hash is not the one that was planned');
  yield last;
}
