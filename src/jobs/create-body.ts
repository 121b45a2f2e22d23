import { createHash } from 'node:crypto';
import { readChunks } from '../storage';
import { BodyAssembler } from './body-assembler';
import type { PartFolder } from './part-folder';
import { partChanged, readPartRequests } from './part-requests';
import { BODY_END, BODY_START } from './part-size';
import type { PlannedPart } from './round-plan';

const LINE_FEED = 0x0a;
const COMMA = 0x2c;

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
  return { contentLength: plan.bodyBytes, chunks: () => checkedChunks(folder, plan) };
}

async function* checkedChunks(folder: PartFolder, plan: PlannedPart): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  let held: Buffer | undefined;
  for await (const chunk of plan.plain ? plainChunks(folder) : parsedChunks(folder)) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > plan.bodyBytes) throw partChanged(folder.requests, 'it makes a longer body than was planned');
    if (held) yield held;
    held = chunk;
  }
  if (!held || bytes !== plan.bodyBytes || hash.digest('hex') !== plan.bodySha256) throw partChanged(folder.requests, 'its hash is not the one that was planned');
  yield held;
}

async function* parsedChunks(folder: PartFolder): AsyncGenerator<Buffer, void, undefined> {
  const body = new BodyAssembler();
  for await (const requests of readPartRequests(folder)) {
    for (const { request } of requests) {
      const chunk = body.add(request.sent);
      if (chunk) yield chunk;
    }
  }
  yield body.end();
}

/** Of lines that are sent as they are: a comma takes the place of each line feed but the last. */
async function* plainChunks(folder: PartFolder): AsyncGenerator<Buffer, void, undefined> {
  let before = BODY_START;
  for await (const chunk of readChunks(folder.requests)) {
    yield before;
    before = Buffer.from(chunk);
    for (let at = before.indexOf(LINE_FEED); at !== -1; at = before.indexOf(LINE_FEED, at + 1)) before[at] = COMMA;
  }
  yield Buffer.concat([before.subarray(0, -1), BODY_END]);
}
