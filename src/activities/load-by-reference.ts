/** What follow-up workflows ask for; it then stands in their history. */
import type { MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import type { DataReference } from '../contract';
import { goneError, readReference, readStoredRequest, type StoredRequest } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { runActivity } from './failures';
import { locationOf } from './plan-job';

/** Reads one stored result, as the API has sent it. */
export function loadResultActivity(deps: ActivityDependencies) {
  return async function loadResult(reference: DataReference): Promise<MessageBatchIndividualResponse> {
    return runActivity(deps, async () => {
      const uri = locationOf(reference);
      const bytes = await readReference({ ...reference, uri });
      try {
        return JSON.parse(bytes.toString('utf8')) as MessageBatchIndividualResponse;
      } catch {
        // The parser's own message has pieces of what lies there, which may be anything.
        throw goneError(uri, `${uri} has no result at byte ${reference.offset ?? 0}.`);
      }
    });
  };
}

/**
 * Reads one request, as the input has it.
 * @param customId of the follow-up: what the request is called where its line has no id.
 */
export function loadRequestActivity(deps: ActivityDependencies) {
  return async function loadRequest(reference: DataReference, customId?: string): Promise<StoredRequest> {
    return runActivity(deps, () => readStoredRequest({ ...reference, uri: locationOf(reference) }, customId));
  };
}
