/** The prompt cache, as far as it shows in `usage`: which prefixes a request asks to be cached, and what of them was cached before. */
import { createHash } from 'node:crypto';
import { isObject } from './check-request';

/** What the cache does for one request, in bytes of its prompt. */
export interface CacheUse {
  readBytes: number;
  writtenBytes: number;
  /** How long what is written is kept, as the request asks. */
  anHour: boolean;
}

/** A prompt from its beginning up to a block with `cache_control`. */
interface Prefix {
  key: string;
  bytes: number;
  anHour: boolean;
}

/** Prefixes that requests of one create write. What was written before is known by the batches. */
export class PromptCache {
  /** Written by the requests so far. */
  readonly written = new Set<string>();

  /** @param stateOf whether a prefix was never written, is by a batch that has not ended, or can be read. */
  constructor(private readonly stateOf: (key: string) => 'unknown' | 'being written' | 'readable') {}

  /**
   * The longest prefix that can be read is; the longest of all is written, by the first request that has it.
   * @returns undefined for a request that asks for nothing.
   */
  use(params: Record<string, unknown>): (CacheUse & { key: string }) | undefined {
    const prefixes = prefixesOf(params);
    const longest = prefixes.at(-1);
    if (!longest) return undefined;
    const readBytes = prefixes.findLast(({ key }) => this.stateOf(key) === 'readable')?.bytes ?? 0;
    const isNew = this.stateOf(longest.key) === 'unknown' && !this.written.has(longest.key);
    return { readBytes, writtenBytes: isNew ? longest.bytes - readBytes : 0, anHour: longest.anHour, key: longest.key };
  }
}

/** In the order in which the API reads a prompt: tools, system, messages. The shortest first. */
function prefixesOf({ model, tools, system, messages, cache_control: automatic }: Record<string, unknown>): Prefix[] {
  const hash = createHash('sha256').update(JSON.stringify(model));
  const prefixes: Prefix[] = [];
  let bytes = 0;
  const end = (cacheControl: unknown): void => {
    if (!isObject(cacheControl)) return;
    prefixes.push({ key: hash.copy().digest('hex').slice(0, 16), bytes, anHour: cacheControl.ttl === '1h' });
  };
  const add = (block: unknown): void => {
    const { cache_control: cacheControl, ...content } = isObject(block) ? block : { text: block };
    const text = JSON.stringify(content);
    hash.update(text);
    bytes += Buffer.byteLength(text);
    end(cacheControl);
  };
  for (const block of [...blocksOf(tools), ...blocksOf(system), ...blocksOf(messages).flatMap((message) => blocksOf(isObject(message) ? message.content : message))]) add(block);
  end(automatic);
  return prefixes;
}

function blocksOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
