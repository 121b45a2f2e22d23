/** What is kept of the end of a follow-up. Pure: workflows and activities say it alike. */
import { RawValue, rawValueTypeInfo } from '@temporalio/common';
import type { Payload, PayloadTypeInfo } from '@temporalio/common';
import type { FollowUpFailure, FollowUpLine } from './follow-up';
import { MAX_FOLLOW_UP_VALUE_BYTES } from './follow-up';
import { shortened } from './shortened';

/** How much of a failure's message is kept, in characters. */
const MAX_MESSAGE_LENGTH = 2_000;
const MAX_TYPE_LENGTH = 200;
/** How deeply a value may be nested: a process that has less stack left than the one which has taken it could not write it again. */
const MAX_DEPTH = 200;

/** Type of the failure of `endOfFollowUp` where Temporal has no such workflow (any more). */
export const FOLLOW_UP_NOT_FOUND = 'FollowUpNotFound';
/** And where the workflow of this id has followed a result of another batch; `open` or `ended` is in its details. */
export const FOLLOW_UP_OF_ANOTHER_BATCH = 'FollowUpOfAnotherBatch';

/** In the memo of a follow-up: the API's id of the batch that its result came with. Ids of workflows say job and round alone, and a job that nobody remembers makes new batches. */
export const FOLLOW_UP_BATCH_MEMO = 'messageBatchId';

/**
 * Has the result of a follow-up handed over as it came: whoever decodes it by a converter, as Temporal's SDK does by itself, throws where
 * the follow-up's language or codec knows more than that, and in a workflow does so for ever.
 */
export const AS_RETURNED: Pick<PayloadTypeInfo, 'outputType'> = { outputType: rawValueTypeInfo };

type KeptValue = Pick<FollowUpLine, 'value' | 'value_bytes' | 'value_encoding'>;

/** What is kept of what a follow-up has returned. @param returned read with `AS_RETURNED`; undefined where it has returned nothing. */
export function keptReturn(returned: unknown): KeptValue {
  return returned instanceof RawValue ? keptPayload(returned.payload) : keptValue(returned);
}

/** JSON of protobuf messages is how Go and Python say them. */
const JSON_ENCODINGS = new Set(['json/plain', 'json/protobuf']);
const MAX_ENCODING_LENGTH = 100;

function keptPayload({ metadata, data }: Payload): KeptValue {
  const encoding = textOf(metadata?.['encoding']).slice(0, MAX_ENCODING_LENGTH);
  if (encoding === 'binary/null') return {};
  const value_bytes = data?.length ?? 0;
  if (JSON_ENCODINGS.has(encoding)) {
    if (value_bytes > MAX_FOLLOW_UP_VALUE_BYTES) return { value_bytes };
    try {
      const value: unknown = JSON.parse(textOf(data));
      if (!isDeep(value)) return keptValue(value);
    } catch {
      // It is broken.
    }
  }
  return { value_bytes, value_encoding: encoding };
}

/** @param bytes empty ones are no typed array where protobuf has decoded them. */
function textOf(bytes: Uint8Array | null | undefined): string {
  return new TextDecoder().decode(Uint8Array.from(bytes ?? []));
}

/** Whether a value is nested more deeply than is kept. */
export function isDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
}

/** A value that a follow-up has returned, or how large it is where it is too large to be kept. */
export function keptValue(value: unknown): KeptValue {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) return {};
  const bytes = new TextEncoder().encode(json).length;
  return bytes > MAX_FOLLOW_UP_VALUE_BYTES ? { value_bytes: bytes } : { value };
}

/** Temporal's own, around what went wrong. */
const WRAPPERS = new Set(['WorkflowFailedError', 'ChildWorkflowFailure', 'ActivityFailure', 'NexusOperationFailure']);

/** Why a follow-up did not complete, as it or its activity has said: without Temporal's wrappers ("Activity task failed"), and without what may have caused that in turn. */
export function followUpFailure(error: unknown): FollowUpFailure {
  let reason = error;
  while (reason instanceof Error && WRAPPERS.has(reason.name) && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return { type: 'Unknown', message: '' };
  const { type } = reason as { type?: unknown };
  return { type: (typeof type === 'string' && type !== '' ? type : reason.name).slice(0, MAX_TYPE_LENGTH), message: shortened(reason.message, MAX_MESSAGE_LENGTH) };
}
