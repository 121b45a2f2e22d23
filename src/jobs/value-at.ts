/** Numbers in a path are positions in arrays. A key with dots in it is found where it ends the path. Undefined where there is nothing. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const rest = path.join('.');
  if (Object.hasOwn(value, rest)) return (value as Record<string, unknown>)[rest];
  const [key = '', ...further] = path;
  return Object.hasOwn(value, key) ? valueAt((value as Record<string, unknown>)[key], further) : undefined;
}
