import type { OldOutcome } from '../../contract';
import { CustomIdSet } from '../custom-id-set';
import { generatedId } from '../generated-ids';
import type { PassOptions } from '../progress';
import { HASH_BYTES, hashOfRequest } from '../request-hash';
import { isLineProblem, parseRequestLine } from '../request-line';
import type { PlannedRequest, RequestSource } from '../request-source';
import type { EndedJob, OldRequest } from './ended-job';
import type { ReusedRequests } from './reused-requests';

export interface RetrySourceOptions extends PassOptions {
  old: EndedJob;
  /** Of these outcomes. */
  only: readonly OldOutcome[];
}

/** The requests of an ended job that are sent again; all others go to `reused`. @param hashes of all its requests, where it left them. */
export function retrySource(options: RetrySourceOptions, reused: ReusedRequests, hashes: Buffer | undefined): RequestSource {
  const { sha256, generated_ids: generatedIds } = options.old.report.input;
  return {
    requests: () => sentAgain(options, reused, hashes),
    facts: () => Promise.resolve({ sha256, bytes: 0, ...(generatedIds !== undefined && { generatedIds }) }),
  };
}

async function* sentAgain(options: RetrySourceOptions, reused: ReusedRequests, hashes: Buffer | undefined): AsyncGenerator<PlannedRequest[], void, undefined> {
  const { old, signal } = options;
  const only = new Set<OldOutcome>(options.only);
  const ids = new CustomIdSet();
  reused.reset();
  for await (const requests of old.withLines({ signal })) {
    const sent: PlannedRequest[] = [];
    for (const request of requests) {
      const { position, outcome, line } = request;
      if (!line || !only.has(outcome)) {
        await reused.add(position, position, outcome === 'succeeded', line);
        continue;
      }
      const planned = parsed(old, request, line, hashes);
      if (!ids.add(planned.request.customId)) throw old.changed(`Two requests that are to be sent again have the custom_id ${JSON.stringify(planned.request.customId)}.`);
      sent.push(planned);
    }
    if (sent.length > 0) yield sent;
  }
}

function parsed(old: EndedJob, { position }: OldRequest, line: Buffer, hashes: Buffer | undefined): PlannedRequest {
  const prefix = old.report.input.generated_ids;
  const request = parseRequestLine(line, prefix === undefined ? {} : { makeId: () => generatedId(prefix, position) });
  if (isLineProblem(request)) throw old.changed(`A request that did not succeed cannot be read any more: ${request.message}`);
  if (hashes && hashOfRequest(request).compare(hashes, position * HASH_BYTES, (position + 1) * HASH_BYTES) !== 0) {
    throw old.changed(`Request ${(position + 1).toLocaleString('en-US')} of the input is not what was sent (failed-requests.jsonl or missing-requests.jsonl was changed).`);
  }
  return { ordinal: position, line, request };
}
