/** The calls that look at a batch or change it: retrieve, list, cancel, delete. */
import type { DeletedMessageBatch, MessageBatch } from '@anthropic-ai/sdk/resources/messages/batches';
import { jsonAnswer, type TextAnswer } from './answer';
import { ApiFailure, invalidRequest } from './api-failure';
import { courseOf, messageBatch, type BatchRecord } from './batch-record';
import type { SimulatorContext } from './context';
import { listPage } from './list-page';

/** @throws ApiFailure 404 */
export function findBatch(id: string, context: SimulatorContext): BatchRecord {
  const record = context.store.get(id);
  if (!record) throw new ApiFailure(404, `Message batch ${id} was not found.`);
  return record;
}

/** The API's object as it is now. */
export async function describeBatch(record: BatchRecord, context: SimulatorContext): Promise<MessageBatch> {
  const course = courseOf(record, context.now());
  const shown = course.status === 'ended' || context.options.countsMoveEarly ? course.finished : 0;
  return messageBatch(record, course, await context.store.countFinished(record, shown), context.options.resultsUrlBase ?? context.url);
}

export async function retrieve(id: string, context: SimulatorContext): Promise<TextAnswer> {
  context.events.emit('poll');
  const batch = await describeBatch(findBatch(id, context), context);
  const { retryAfterSeconds } = context.options;
  const hint = batch.processing_status !== 'ended' && retryAfterSeconds !== undefined;
  return jsonAnswer(batch, hint ? { 'retry-after': String(retryAfterSeconds) } : {});
}

export async function list(query: URLSearchParams, context: SimulatorContext): Promise<TextAnswer> {
  context.events.emit('list');
  const { records, hasMore } = listPage(context.store.accepted(), query);
  const data = await Promise.all(records.map((record) => describeBatch(record, context)));
  return jsonAnswer({ data, has_more: hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
}

/** A second cancel changes nothing and answers the same. A cancel of an ended batch is refused: what the API does then is not known. */
export async function cancel(id: string, context: SimulatorContext): Promise<TextAnswer> {
  context.events.emit('cancel');
  const record = findBatch(id, context);
  const { status } = courseOf(record, context.now());
  if (status === 'ended') throw invalidRequest(`Batch ${id} has ended and cannot be canceled.`);
  const canceled = status === 'canceling' ? record : context.store.update(id, { cancel_initiated_at: isoNow(context) });
  return jsonAnswer(await describeBatch(canceled, context));
}

export async function deleteBatch(id: string, context: SimulatorContext): Promise<TextAnswer> {
  context.events.emit('delete');
  const record = findBatch(id, context);
  if (courseOf(record, context.now()).status !== 'ended') {
    throw invalidRequest('In progress batches cannot be deleted. Consider canceling the batch instead.');
  }
  await context.store.delete(id, isoNow(context));
  const deleted: DeletedMessageBatch = { id, type: 'message_batch_deleted' };
  return jsonAnswer(deleted);
}

/** Ends a batch now, whatever its processing time is; no call of the API. */
export function endBatch(id: string, context: SimulatorContext): void {
  const record = findBatch(id, context);
  if (courseOf(record, context.now()).status !== 'ended') context.store.update(id, { ended_at: isoNow(context) });
}

export function isoNow(context: SimulatorContext): string {
  return new Date(context.now()).toISOString();
}
