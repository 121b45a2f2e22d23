/** JSON punctuation and keys that are expected one after another, compared byte by byte. */
import { skipSpace } from './json-scan';

/** Tokens one after another, and for each byte whether it begins one, so that white space may stand before it. */
export interface Tokens {
  bytes: Buffer;
  begins: boolean[];
}

export function tokens(...all: string[]): Tokens {
  return { bytes: Buffer.from(all.join('')), begins: all.flatMap((token) => Array.from(token, (_, index) => index === 0)) };
}

/** @returns the index after the tokens and the white space that follows; -1 where they do not stand at `at` */
export function skipTokens(bytes: Buffer, at: number, { bytes: wanted, begins }: Tokens): number {
  for (let index = 0; index < wanted.length; index++, at++) {
    if (bytes[at] === wanted[index]) continue;
    if (!begins[index]) return -1;
    at = skipSpace(bytes, at);
    if (bytes[at] !== wanted[index]) return -1;
  }
  return skipSpace(bytes, at);
}
