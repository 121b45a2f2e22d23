/**
 * Finds the custom_id of a serialized request without parsing it. Almost every request begins with
 * `{"custom_id":"…","params":{` and ends with `}}`, or begins with `{"params":{` and ends with `},"custom_id":"…"}`. Where the line
 * is valid JSON, that beginning and that end leave no doubt about where the id stands; what lies between is not looked at.
 */
import { LONGEST_CUSTOM_ID, type CustomIdSet } from './custom-id-set';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
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
export function scanRequest(bytes: Uint8Array, start: number, end: number, ids: CustomIdSet): boolean {
  const params = scanIdAndParams(bytes, start, ids);
  if (params !== -1) return endsParams(bytes, end, params);
  const paramsFirst = scanParams(bytes, start);
  return paramsFirst !== -1 && scanIdAtEnd(bytes, end, paramsFirst, ids);
}

/** Scans the beginning of a request whose end is not there yet. @param bytes begins with it; more than `ENOUGH_BYTES` are not needed */
export function scanBeginning(bytes: Uint8Array, ids: CustomIdSet): Beginning | undefined {
  const params = scanIdAndParams(bytes, 0, ids);
  if (params !== -1) return { idComesFirst: true, params };
  const paramsFirst = scanParams(bytes, 0);
  return paramsFirst === -1 ? undefined : { idComesFirst: false, params: paramsFirst };
}

/** Scans the end of a request. @param bytes its last ones; the beginning is not among them */
export function scanEnd(bytes: Uint8Array, { idComesFirst }: Beginning, ids: CustomIdSet): boolean {
  return idComesFirst ? endsParams(bytes, bytes.length, -1) : scanIdAtEnd(bytes, bytes.length, -1, ids);
}

/** Space, tab, carriage return: white space of JSON that does not end a line. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0d || byte === 0x09;
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

/** `}}`. A line that was cut off does not end so, nor one with anything but an object behind params. */
function endsParams(bytes: Uint8Array, end: number, params: number): boolean {
  const last = skipBlanksBack(bytes, end - 1);
  if (bytes[last] !== CLOSING_BRACE) return false;
  const ofParams = skipBlanksBack(bytes, last - 1);
  return bytes[ofParams] === CLOSING_BRACE && ofParams > params;
}

/** `},"custom_id":"…"}` */
function scanIdAtEnd(bytes: Uint8Array, end: number, params: number, ids: CustomIdSet): boolean {
  let at = skipBlanksBack(bytes, end - 1);
  if (bytes[at] !== CLOSING_BRACE) return false;
  const endOfId = skipBlanksBack(bytes, at - 1);
  if (bytes[endOfId] !== QUOTE) return false;
  at = endOfId - 1;
  while (at > endOfId - LONGEST_CUSTOM_ID - 2 && bytes[at] !== QUOTE) at--;
  if (at === endOfId - 1 || bytes[at] !== QUOTE || ids.read(bytes, at + 1) !== endOfId) return false;
  // No backslash stands before it, so this quote begins the last string of the line.
  at = skipBlanksBack(bytes, at - 1);
  if (bytes[at] !== COLON) return false;
  at = skipBlanksBack(bytes, at - 1) - CUSTOM_ID_BYTES + 1;
  if (!isCustomIdAt(bytes, at)) return false;
  at = skipBlanksBack(bytes, at - 1);
  if (bytes[at] !== COMMA) return false;
  at = skipBlanksBack(bytes, at - 1);
  return bytes[at] === CLOSING_BRACE && at > params;
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
