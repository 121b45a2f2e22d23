/** Chooses the requests that fill the API's prompt cache for others: one of each prefix that at least two requests share. */
import { CustomIdSet } from './custom-id-set';
import type { RequestLine } from './request-line';

const KEY = '"cache_control"';
/** In a piece that `JSON.stringify` wrote: a text that says so has a backslash before its quotes. */
const MARK = /"cache_control":(?!null)/;

/** Sees the requests of a round pass by. Holds 8 to 21 bytes of each prefix, and 8 of each that is shared. */
export class WarmRequests {
  private readonly seen = new CustomIdSet();
  private readonly shared = new CustomIdSet();

  /** @returns whether this one is to be sent first: the second of those that share a prefix, which proves that they do. */
  isWarm(request: RequestLine): boolean {
    const prefix = cachedPrefix(request);
    return prefix !== undefined && !this.seen.add(prefix) && this.shared.add(prefix);
  }
}

/**
 * What of a request the API caches: its model, and all content up to the last `cache_control`, in the order in which the API reads it
 * (tools, system, messages).
 * Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 * @returns undefined where nothing is marked
 */
export function cachedPrefix({ sent, paramsStart, paramsEnd, facts }: RequestLine): string | undefined {
  const params = sent.toString('utf8', paramsStart, paramsEnd);
  if (!params.includes(KEY)) return undefined;
  const { cache_control: ofAll, tools, system, messages } = JSON.parse(params) as Record<string, unknown>;
  const pieces = [...listOf(tools), '/system', ...listOf(system), '/messages', ...listOf(messages).flatMap(blocksOf)].map((piece) => JSON.stringify(piece));
  // At the top it marks the last block that there is.
  const last = ofAll ? pieces.length - 1 : pieces.findLastIndex((piece) => MARK.test(piece));
  return last === -1 ? undefined : [JSON.stringify(facts.model ?? null), ...pieces.slice(0, last + 1)].join('\n');
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : value === undefined ? [] : [value];
}

function blocksOf(message: unknown): unknown[] {
  if (typeof message !== 'object' || message === null) return [message];
  const { role, content } = message as { role?: unknown; content?: unknown };
  return [`/message ${String(role)}`, ...listOf(content)];
}
