/** One page of the list call. */
import { invalidRequest } from './api-failure';
import type { BatchRecord } from './batch-record';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;

export interface ListPage {
  /** Newest first, whatever the direction. */
  records: BatchRecord[];
  /** Whether there are more in the direction asked for. */
  hasMore: boolean;
}

/**
 * @param accepted every batch that was ever accepted, oldest first; a deleted one is still good as a cursor
 * @param query limit, after_id (the page of older ones behind it), before_id (the page of newer ones before it)
 * @throws ApiFailure
 */
export function listPage(accepted: BatchRecord[], query: URLSearchParams): ListPage {
  const limit = readLimit(query.get('limit'));
  const afterId = query.get('after_id');
  const beforeId = query.get('before_id');
  if (afterId !== null && beforeId !== null) throw invalidRequest('after_id, before_id: Only one of them may be given');
  const newestFirst = accepted.toReversed();
  const position = (name: string, id: string): number => {
    const index = newestFirst.findIndex((record) => record.id === id);
    if (index === -1) throw invalidRequest(`${name}: No message batch has the id ${JSON.stringify(id)}`);
    return index;
  };
  const exists = (record: BatchRecord): boolean => record.deleted_at === undefined;
  if (beforeId !== null) {
    const newer = newestFirst.slice(0, position('before_id', beforeId)).filter(exists);
    return { records: newer.slice(-limit), hasMore: newer.length > limit };
  }
  const older = newestFirst.slice(afterId === null ? 0 : position('after_id', afterId) + 1).filter(exists);
  return { records: older.slice(0, limit), hasMore: older.length > limit };
}

function readLimit(text: string | null): number {
  if (text === null) return DEFAULT_LIMIT;
  if (!/^-?\d+$/.test(text)) throw invalidRequest('limit: Input should be a valid integer');
  const limit = Number(text);
  if (limit < 1) throw invalidRequest('limit: Input should be greater than or equal to 1');
  if (limit > MAX_LIMIT) throw invalidRequest(`limit: Input should be less than or equal to ${MAX_LIMIT}`);
  return limit;
}
