/** What the answers must have at least. Everything else is passed on as it came: fields, statuses and types may be added by the API. */
import type { DeletedMessageBatch, MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';

/** One page of a list, newest first. */
export interface MessageBatchPage {
  data: MessageBatch[];
  /** Whether there are more in the direction that was asked for. */
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

export function isMessageBatch(value: unknown): value is MessageBatch {
  return hasId(value) && 'processing_status' in value && typeof value.processing_status === 'string';
}

export function isDeletedMessageBatch(value: unknown): value is DeletedMessageBatch {
  return hasId(value);
}

export function isMessageBatchPage(value: unknown): value is MessageBatchPage {
  return isObject(value) && Array.isArray(value['data']) && value['data'].every(isMessageBatch) && typeof value['has_more'] === 'boolean';
}

function hasId(value: unknown): value is { id: string } {
  return isObject(value) && typeof value['id'] === 'string' && value['id'] !== '';
}

/** A JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
