/** Which results pass the filter of their follow-ups (`FollowUpOptions.where`), besides their outcome. */
import { isDeepStrictEqual } from 'node:util';
import { type FollowUpFilter, parseJsonPointer, valueAtPointer } from '../../contract';
import { LineSplitter } from '../../jsonl';
import type { Segments } from '../../storage';
import type { Ledger } from '../ledger-file';
import { parseResultLine } from '../result-line';

/** What a pointer can be asked of: `result` is the line's, the other two are the request's. */
interface Pointed {
  custom_id?: string;
  result?: unknown;
  metadata?: Record<string, unknown>;
}

/** A filter in two halves, so that results are read in the order they lie in, and not at all where none is asked about. */
export class ResultFilter {
  private readonly stopReasons: ReadonlySet<unknown> | undefined;
  private readonly keys: readonly string[] | undefined;
  private readonly equals: unknown;

  /** @param filter as `checkFollowUpOptions` lets it pass. */
  constructor(filter: FollowUpFilter | null = {}) {
    const { stopReason, pointer, equals } = filter ?? {};
    this.stopReasons = stopReason === undefined || stopReason === null ? undefined : new Set([stopReason].flat());
    this.keys = pointer === undefined || pointer === null ? undefined : parseJsonPointer(pointer);
    this.equals = equals;
  }

  /** Whether results have to be looked into. */
  get readsResults(): boolean {
    return this.stopReasons !== undefined || this.keys?.[0] === 'result';
  }

  passesRequest(request: Pick<Pointed, 'custom_id' | 'metadata'>): boolean {
    return this.keys === undefined || this.keys[0] === 'result' || this.isThere(request, this.keys);
  }

  /**
   * @param line of results, without its line feed. One that is no JSON throughout, and was counted all the same, does not pass.
   * @throws SyntaxError where it is no result
   */
  passesResult(line: Buffer): boolean {
    const result = resultIn(line);
    if (result === undefined) return false;
    if (this.stopReasons) {
      const { found, value } = valueAtPointer(result, ['message', 'stop_reason']);
      if (!found || !this.stopReasons.has(value)) return false;
    }
    return this.keys?.[0] !== 'result' || this.isThere({ result }, this.keys);
  }

  private isThere(of: Pointed, keys: readonly string[]): boolean {
    const { found, value } = valueAtPointer(of, keys);
    if (!found || this.equals === undefined) return found;
    // Of numbers 0 and -0 are the same one in JSON.
    return value === this.equals || isDeepStrictEqual(value, this.equals);
  }
}

function resultIn(line: Buffer): unknown {
  try {
    return (JSON.parse(line.toString('utf8')) as Pointed).result;
  } catch (error) {
    if (parseResultLine(line).kind !== 'result') throw error;
    return undefined;
  }
}

/**
 * Reads the results of some requests once, in the order they lie in.
 * @param wanted by the request's position in the part: 1 where its result is to be looked at; 0 afterwards where it does not pass.
 * @param bytes of results that the ledger speaks of.
 */
export async function keepPassing(wanted: Uint8Array, filter: ResultFilter, ledger: Ledger, segments: Segments, bytes: number, signal?: AbortSignal): Promise<void> {
  const ordered = inOrderOfResults(wanted, ledger);
  const splitter = new LineSplitter();
  let next = 0;
  for await (const chunk of segments.read(0, bytes)) {
    signal?.throwIfAborted();
    for (const line of splitter.push(chunk)) {
      const position = ordered[next];
      if (position === undefined) return;
      const { offset, length } = ledger.entry(position);
      if (offset >= line.offset + line.bytes.length) continue;
      // Not at the line's begin where a byte order mark stands there.
      if (!filter.passesResult(line.bytes.subarray(offset - line.offset, offset - line.offset + length))) wanted[position] = 0;
      next++;
    }
  }
  if (next < ordered.length) throw new Error(`${segments.folder}: a result is not where its ledger says`);
}

function inOrderOfResults(wanted: Uint8Array, ledger: Ledger): Uint32Array {
  const offsets = new Float64Array(wanted.length);
  const positions = new Uint32Array(wanted.reduce((sum, each) => sum + each, 0));
  let count = 0;
  for (let position = 0; position < wanted.length; position++) {
    if (wanted[position] === 0) continue;
    offsets[position] = ledger.entry(position).offset;
    positions[count++] = position;
  }
  return positions.sort((a, b) => offsets[a]! - offsets[b]!);
}
