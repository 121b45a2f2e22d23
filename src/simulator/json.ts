/** JSON that can say Infinity: as the string "Infinity", for options and faults in files and over HTTP. */

export function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (item === Infinity ? 'Infinity' : item));
}

export function parse(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => (item === 'Infinity' ? Infinity : item));
}
