/**
 * Finds the custom_id of a serialized request without parsing it. Almost every request begins with
 * `{"custom_id":"…","params":{` and ends with `}}`, or begins with `{"params":{` and ends with `},"custom_id":"…"}`. Where the params
 * that begin there are also those that end there, by their nesting, the line is one request with one id: whatever it holds, it can
 * neither end that request early nor add another. Whether the params are valid JSON is left to the API, which refuses the body.
 */
import { isBlank } from './blanks';
import { LONGEST_CUSTOM_ID, type CustomIdSet } from './custom-id-set';
import { ObjectWalk } from './object-walk';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const CLOSING_BRACKET = 0x5d;
/** Length of `"custom_id"`. */
const CUSTOM_ID_BYTES = 11;
/** Length of `"params"`. */
const PARAMS_BYTES = 8;

/** Beginning and end of so many bytes are enough for the scan, unless they are full of white space. */
export const ENOUGH_BYTES = 512;

/** How a request begins, so that its end can be scanned. */
export interface Beginning {
  idComesFirst: boolean;
  /** Index of the brace that begins the params. */
  params: number;
}

/**
 * Scans the request that stands in `bytes` from `start` to `end`.
 * @param ids reads the id, so that it can be added
 * @returns false where its form is another one, and only parsing tells what it is
 */
export function scanRequest(bytes: Buffer, start: number, end: number, ids: CustomIdSet): boolean {
  let params = scanIdAndParams(bytes, start, ids);
  const idComesFirst = params !== -1;
  if (!idComesFirst) params = scanParams(bytes, start);
  if (params === -1) return false;
  const last = idComesFirst ? endOfParams(bytes, end) : endOfParamsBeforeId(bytes, end, ids);
  return last > params && (onlyCloses(bytes, params + 1, last) || new ObjectWalk().next(bytes, params + 1, last + 1) === last);
}

/**
 * Whether nothing but closing brackets stands between the first closing brace and the last one: most requests are so, and a search
 * takes half the time of a walk. The params end at one of those braces, and without a comma nothing can be added behind them:
 * where the brackets do not match, the body is not valid JSON.
 */
function onlyCloses(bytes: Buffer, start: number, last: number): boolean {
  let at = bytes.indexOf(CLOSING_BRACE, start);
  while (at < last && (bytes[at] === CLOSING_BRACE || bytes[at] === CLOSING_BRACKET || isBlank(bytes[at]))) at++;
  return at === last;
}

/** Scans the beginning of a request whose end is not there yet. @param bytes begins with it; more than `ENOUGH_BYTES` are not needed */
export function scanBeginning(bytes: Uint8Array, ids: CustomIdSet): Beginning | undefined {
  const params = scanIdAndParams(bytes, 0, ids);
  if (params !== -1) return { idComesFirst: true, params };
  const paramsFirst = scanParams(bytes, 0);
  return paramsFirst === -1 ? undefined : { idComesFirst: false, params: paramsFirst };
}

/**
 * Scans the end of a request.
 * @param bytes its last ones; more than `ENOUGH_BYTES` are not needed
 * @returns the index of the brace that has to be the end of the params, or -1
 */
export function scanEnd(bytes: Uint8Array, { idComesFirst }: Beginning, ids: CustomIdSet): number {
  return idComesFirst ? endOfParams(bytes, bytes.length) : endOfParamsBeforeId(bytes, bytes.length, ids);
}

/** `{"custom_id":"…","params":{` @returns the index of the last brace, or -1 */
function scanIdAndParams(bytes: Uint8Array, start: number, ids: CustomIdSet): number {
  if (bytes[start] !== OPENING_BRACE) return -1;
  let at = skipBlanks(bytes, start + 1);
  if (!isCustomIdAt(bytes, at)) return -1;
  at = skipBlanks(bytes, at + CUSTOM_ID_BYTES);
  if (bytes[at] !== COLON) return -1;
  at = skipBlanks(bytes, at + 1);
  if (bytes[at] !== QUOTE) return -1;
  const id = at + 1;
  at = ids.read(bytes, id);
  if (at === id || bytes[at] !== QUOTE) return -1;
  at = skipBlanks(bytes, at + 1);
  return bytes[at] === COMMA ? objectOfParams(bytes, skipBlanks(bytes, at + 1)) : -1;
}

/** `{"params":{` @returns the index of the last brace, or -1 */
function scanParams(bytes: Uint8Array, start: number): number {
  return bytes[start] === OPENING_BRACE ? objectOfParams(bytes, skipBlanks(bytes, start + 1)) : -1;
}

/** `"params":{` @returns the index of the brace, or -1 */
function objectOfParams(bytes: Uint8Array, start: number): number {
  if (!isParamsAt(bytes, start)) return -1;
  let at = skipBlanks(bytes, start + PARAMS_BYTES);
  if (bytes[at] !== COLON) return -1;
  at = skipBlanks(bytes, at + 1);
  return bytes[at] === OPENING_BRACE ? at : -1;
}

/** `}}`. A line that was cut off does not end so. @returns the index of the first of them, or -1 */
function endOfParams(bytes: Uint8Array, end: number): number {
  const last = skipBlanksBack(bytes, end - 1);
  if (bytes[last] !== CLOSING_BRACE) return -1;
  const ofParams = skipBlanksBack(bytes, last - 1);
  return bytes[ofParams] === CLOSING_BRACE ? ofParams : -1;
}

/** `},"custom_id":"…"}` @returns the index of the first brace, or -1 */
function endOfParamsBeforeId(bytes: Uint8Array, end: number, ids: CustomIdSet): number {
  let at = skipBlanksBack(bytes, end - 1);
  if (bytes[at] !== CLOSING_BRACE) return -1;
  const endOfId = skipBlanksBack(bytes, at - 1);
  if (bytes[endOfId] !== QUOTE) return -1;
  at = endOfId - 1;
  while (at > endOfId - LONGEST_CUSTOM_ID - 2 && bytes[at] !== QUOTE) at--;
  if (at === endOfId - 1 || bytes[at] !== QUOTE || ids.read(bytes, at + 1) !== endOfId) return -1;
  // No backslash stands before it, so this quote begins the last string of the line.
  at = skipBlanksBack(bytes, at - 1);
  if (bytes[at] !== COLON) return -1;
  at = skipBlanksBack(bytes, at - 1) - CUSTOM_ID_BYTES + 1;
  if (!isCustomIdAt(bytes, at)) return -1;
  at = skipBlanksBack(bytes, at - 1);
  if (bytes[at] !== COMMA) return -1;
  at = skipBlanksBack(bytes, at - 1);
  return bytes[at] === CLOSING_BRACE ? at : -1;
}

function skipBlanks(bytes: Uint8Array, at: number): number {
  while (isBlank(bytes[at])) at++;
  return at;
}

function skipBlanksBack(bytes: Uint8Array, at: number): number {
  while (isBlank(bytes[at])) at--;
  return at;
}

/** `"custom_id"`. Byte by byte: a loop, or anything of the standard library, takes several times as long. */
function isCustomIdAt(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === QUOTE && bytes[at + 1] === 0x63 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x73 && bytes[at + 4] === 0x74 && bytes[at + 5] === 0x6f &&
    bytes[at + 6] === 0x6d && bytes[at + 7] === 0x5f && bytes[at + 8] === 0x69 && bytes[at + 9] === 0x64 && bytes[at + 10] === QUOTE
  );
}

/** `"params"` */
function isParamsAt(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === QUOTE && bytes[at + 1] === 0x70 && bytes[at + 2] === 0x61 && bytes[at + 3] === 0x72 && bytes[at + 4] === 0x61 && bytes[at + 5] === 0x6d &&
    bytes[at + 6] === 0x73 && bytes[at + 7] === QUOTE
  );
}
