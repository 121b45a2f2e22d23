/**
 * JSON pointers: https://www.rfc-editor.org/rfc/rfc6901. Own code, since what the libraries look up is found in the
 * prototype too: of an answer that somebody else has written, `/result/constructor` must find a key or nothing.
 */

const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** @returns the keys on the way, `[]` for the whole; undefined where the text is no JSON pointer. */
export function parseJsonPointer(pointer: string): string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer.slice(1).split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What stands at the end of the way, with `found` where something does: JSON has no undefined, and null is something. */
export function valueAtPointer(value: unknown, keys: readonly string[]): { found: boolean; value?: unknown } {
  let at = value;
  for (const key of keys) {
    if (typeof at !== 'object' || at === null) return { found: false };
    if (Array.isArray(at) && !ARRAY_INDEX.test(key)) return { found: false };
    if (!Object.hasOwn(at, key)) return { found: false };
    at = (at as Record<string, unknown>)[key];
  }
  return { found: true, value: at };
}
