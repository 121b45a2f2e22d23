/** Reads `message.usage` from its bytes: for every result of a batch, where JSON.parse takes three times as long. */
import { noUsage, type TokenUsage } from '../contract';
import { endOfPlainText } from '../jsonl';

const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const NULL = Buffer.from('null');
/** More digits may not be a whole number. */
const MOST_DIGITS = 15;

const INPUT = Buffer.from('input_tokens');
const OUTPUT = Buffer.from('output_tokens');
const CACHE_WRITTEN = Buffer.from('cache_creation_input_tokens');
const CACHE_READ = Buffer.from('cache_read_input_tokens');
const CACHE_CREATION = Buffer.from('cache_creation');
const FIVE_MINUTES = Buffer.from('ephemeral_5m_input_tokens');
const ONE_HOUR = Buffer.from('ephemeral_1h_input_tokens');
const TOOLS = Buffer.from('server_tool_use');

/** Which object a member stands in. */
type Group = 'usage' | 'cache_creation' | 'server_tool_use' | 'other';

/**
 * @param start index of its opening brace; @param end index behind its closing one.
 * @returns undefined where it is written otherwise than the API writes it, or is not JSON.
 */
export function scanUsage(bytes: Buffer, start: number, end: number): TokenUsage | undefined {
  if (bytes[start] !== OPENING_BRACE) return undefined;
  const usage = noUsage();
  let group: Group = 'usage';
  let at = start + 1;
  for (;;) {
    if (bytes[at] === CLOSING_BRACE) {
      at++;
      if (group === 'usage') return at === end ? usage : undefined;
      group = 'usage';
    } else {
      const key = at + 1;
      const keyEnd = bytes[at] === QUOTE ? endOfPlainText(bytes, key) : -1;
      if (bytes[keyEnd] !== QUOTE || bytes[keyEnd + 1] !== COLON) return undefined;
      const value = keyEnd + 2;
      if (bytes[value] === OPENING_BRACE && group === 'usage') {
        group = groupOf(bytes, key, keyEnd);
        at = value + 1;
        if (bytes[at] === QUOTE || bytes[at] === CLOSING_BRACE) continue;
        return undefined;
      }
      at = endOfNumber(bytes, value);
      if (at > value) setMember(usage, group, bytes, key, keyEnd, numberAt(bytes, value, at));
      else at = endOfTextOrNull(bytes, value);
    }
    if (bytes[at] === COMMA && bytes[at + 1] === QUOTE) at++;
    else if (bytes[at] !== CLOSING_BRACE) return undefined;
  }
}

function groupOf(bytes: Buffer, key: number, keyEnd: number): Group {
  if (stands(bytes, key, keyEnd, CACHE_CREATION)) return 'cache_creation';
  return stands(bytes, key, keyEnd, TOOLS) ? 'server_tool_use' : 'other';
}

function setMember(usage: TokenUsage, group: Group, bytes: Buffer, key: number, keyEnd: number, value: number): void {
  if (group === 'usage') {
    if (stands(bytes, key, keyEnd, INPUT)) usage.input_tokens = value;
    else if (stands(bytes, key, keyEnd, OUTPUT)) usage.output_tokens = value;
    else if (stands(bytes, key, keyEnd, CACHE_WRITTEN)) usage.cache_creation_input_tokens = value;
    else if (stands(bytes, key, keyEnd, CACHE_READ)) usage.cache_read_input_tokens = value;
  } else if (group === 'cache_creation') {
    if (stands(bytes, key, keyEnd, FIVE_MINUTES)) usage.cache_creation.ephemeral_5m_input_tokens = value;
    else if (stands(bytes, key, keyEnd, ONE_HOUR)) usage.cache_creation.ephemeral_1h_input_tokens = value;
  } else if (group === 'server_tool_use' && value > 0) {
    usage.server_tool_use[bytes.toString('latin1', key, keyEnd)] = value;
  }
}

/** @returns the index behind a whole number as JSON has it; `at` where none stands there, or none that a double holds. */
function endOfNumber(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end]! >= ZERO && bytes[end]! <= NINE) end++;
  return (bytes[at] === ZERO && end > at + 1) || end - at > MOST_DIGITS ? at : end;
}

function numberAt(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 10 + (bytes[at]! - ZERO);
  return value;
}

/** @returns an index at which nothing goes on where neither stands at `at`. */
function endOfTextOrNull(bytes: Buffer, at: number): number {
  if (bytes[at] === QUOTE) {
    const end = endOfPlainText(bytes, at + 1);
    return bytes[end] === QUOTE ? end + 1 : at;
  }
  return stands(bytes, at, at + NULL.length, NULL) ? at + NULL.length : at;
}

function stands(bytes: Buffer, from: number, to: number, word: Buffer): boolean {
  if (to - from !== word.length) return false;
  for (let index = 0; index < word.length; index++) if (bytes[from + index] !== word[index]) return false;
  return true;
}
