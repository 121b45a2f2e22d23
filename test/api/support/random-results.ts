/** Random lines of results: as the API writes them, and in all the other ways in which JSON can say the same, or something else. */
import fc from 'fast-check';

/** JSON text that says `value`, with random white space, and with random characters of its strings written as escapes. */
export function written(value: unknown, random: () => number): string {
  const space = () => (random() < 0.2 ? [' ', '\t', '\r', '  '][Math.floor(random() * 4)]! : '');
  const string = (text: string) =>
    `"${Array.from({ length: text.length }, (_, index) => {
      const unit = text[index]!;
      const escaped = JSON.stringify(unit).slice(1, -1);
      return random() < 0.05 || /[\ud800-\udfff]/.test(unit) ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : escaped;
    }).join('')}"`;
  const write = (part: unknown): string => {
    if (typeof part === 'string') return string(part);
    if (Array.isArray(part)) return `[${space()}${part.map(write).join(`${space()},${space()}`)}${space()}]`;
    if (part instanceof Members) return `{${space()}${part.all.map(([key, member]) => `${string(key)}${space()}:${space()}${write(member)}`).join(`${space()},${space()}`)}${space()}}`;
    return JSON.stringify(part);
  };
  return space() + write(value) + space();
}

/** An object whose keys have an order of their own and may stand twice. */
export class Members {
  constructor(readonly all: [string, unknown][]) {}
}

const KEYS = ['custom_id', 'result', 'type', 'message', 'error', 'content', 'text', 'usage', 'id', '__proto__', ''];
const TEXTS = [
  'succeeded', 'errored', 'canceled', 'expired', 'paused', 'message', 'a', 'b-1', 'é', '€', '🌍', '\u2028', '\u0085', '\ufeff', '"', '\\', '},"type":"errored"', '}}}', '},', '{"custom_id":"inside","result":{"type":"expired"}}',
];

const text = fc.array(fc.constantFrom(...TEXTS), { maxLength: 4 }).map((parts) => parts.join(''));

/** Any JSON, in which the words of results are more frequent than elsewhere. */
const anything = fc.letrec<{ value: unknown; members: Members }>((tie) => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, text, fc.constantFrom(null, true, 0, -1.5e3), fc.array(tie('value'), { maxLength: 3 }), tie('members')),
  members: fc.array(fc.tuple(fc.constantFrom(...KEYS), tie('value')), { maxLength: 4 }).map((all) => new Members(all)),
}));

const message = fc.tuple(anything.members, text).map(([members, body]) => new Members([['content', [new Members([['type', 'text'], ['text', body]])]], ['usage', new Members([['x', new Members([])], ['output_tokens', 1]])], ...members.all]));

/** A succeeded result in the order of the API; with `more`, further members where they change what the line says, or might seem to. */
const usual = fc
  .record({ customId: text, type: fc.constantFrom('succeeded', 'succeeded', 'errored', 'new_type'), message, inResult: anything.members, inLine: anything.members, more: fc.integer({ min: 0, max: 3 }) })
  .map(({ customId, type, message, inResult, inLine, more }) => {
    const result = new Members([['type', type], ['message', message], ...(more % 2 === 1 ? inResult.all : [])]);
    return new Members([['custom_id', customId], ['result', result], ...(more >= 2 ? inLine.all : [])]);
  });

const anyOrder = fc
  .tuple(usual, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }))
  .map(([{ all }, order]) => new Members(all.map((member, index) => [order[index % 8]!, member] as const).sort(([a], [b]) => a - b).map(([, member]) => member)));

const seed = fc.integer({ min: 1 });

/** A line of results, or of something near it, without line feeds. Always JSON. */
export const randomLine: fc.Arbitrary<string> = fc
  .oneof({ weight: 4, arbitrary: fc.tuple(usual, seed, fc.boolean()) }, { weight: 2, arbitrary: fc.tuple(anyOrder, seed, fc.boolean()) }, { weight: 1, arbitrary: fc.tuple(anything.value, seed, fc.boolean()) })
  .map(([value, seed, isCompact]) => written(value, isCompact ? () => 1 : mulberry32(seed)));

/** A small random generator, so that what a seed gives is always the same. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What `JSON.parse` says about a line: the reference. undefined where it is no result. */
export function parsedLine(bytes: Buffer): { customId: string; outcome: string } | undefined {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) as { custom_id?: unknown; result?: { type?: unknown } } | null;
    const { custom_id: customId, result } = value ?? {};
    return typeof customId === 'string' && typeof result?.type === 'string' ? { customId, outcome: result.type } : undefined;
  } catch {
    return undefined;
  }
}
