import type { DataReference } from '../contract';
import { inputId } from './duplicate-ids';
import { partChanged } from './part-requests';
import { readReference } from './read-reference';
import { isLineProblem, parseRequestLine } from './request-line';

/** A request as the user has given it. */
export interface StoredRequest {
  /** Its own; `''` where it has none and its caller knows of none. */
  custom_id: string;
  params: Record<string, unknown>;
  metadata?: Record<string, unknown>;
}

/**
 * Reads one line of the job's own copy of its requests.
 * @param customId what the request is called where its line has no id.
 * @throws StorageError `changed`
 */
export async function readStoredRequest(reference: DataReference, customId = ''): Promise<StoredRequest> {
  const request = parseRequestLine(await readReference(reference), { makeId: () => customId });
  if (isLineProblem(request)) throw partChanged(reference.uri, `there is no request at byte ${reference.offset ?? 0} (${request.message})`);
  const params = JSON.parse(request.sent.toString('utf8', request.paramsStart, request.paramsEnd)) as StoredRequest['params'];
  return { custom_id: inputId(request) ?? customId, params, ...(request.metadata && { metadata: request.metadata }) };
}
