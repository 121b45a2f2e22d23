import { isUtf8 } from 'node:buffer';
import { CUSTOM_ID_PATTERN, MAX_METADATA_BYTES } from '../contract';
import { type JsonMember, membersOf, trimJson } from './json-members';
import { requestFacts, type RequestFacts } from './request-facts';

/** A line of an input, checked. */
export interface RequestLine {
  customId: string;
  /** What is sent: exactly `{"custom_id":…,"params":…}` with the user's own bytes of `params`. May share memory with the line. */
  sent: Buffer;
  facts: RequestFacts;
  /** Never sent; handed to joins and follow-ups. */
  metadata?: Record<string, unknown>;
}

/** Why a line cannot be sent. */
export interface LineProblem {
  /** What is wrong. Of the line's content only key names and the `custom_id` stand in it, never a prompt. */
  message: string;
  /** How to mend it. */
  hint: string;
}

const KEYS = new Set(['custom_id', 'params', 'metadata']);
const SHAPE = '{"custom_id": "…", "params": {…}}';

export function isLineProblem(parsed: RequestLine | LineProblem): parsed is LineProblem {
  return 'hint' in parsed;
}

/**
 * Checks one line of an input. What stands inside `params` is the API's to judge.
 * @param bytes the line without its line feed; white space around the object is accepted.
 */
export function parseRequestLine(bytes: Buffer): RequestLine | LineProblem {
  const trimmed = trimJson(bytes);
  if (!isUtf8(trimmed)) {
    return { message: 'Not valid UTF-8.', hint: 'Save the file as UTF-8: iconv -f LATIN1 -t UTF-8 converts the usual other encoding.' };
  }
  let value: unknown;
  try {
    value = JSON.parse(trimmed.toString('utf8'));
  } catch (error) {
    return notJson(trimmed, error);
  }
  if (!isObject(value)) return notAnObject(value);
  return problemOf(value) ?? requestOf(value, trimmed);
}

function problemOf(value: Record<string, unknown>): LineProblem | undefined {
  if ('body' in value && 'url' in value && !('params' in value)) {
    return {
      message: 'A line of an OpenAI batch file (custom_id, method, url, body).',
      hint: `Write ${SHAPE}: params is the body of a Messages API request (model, max_tokens, messages), and method and url are left out.`,
    };
  }
  const { custom_id: customId, params, metadata } = value;
  if (customId === undefined) return { message: 'custom_id is missing.', hint: `A request is ${SHAPE}.` };
  if (typeof customId !== 'string') {
    return { message: 'custom_id is not a string.', hint: 'Write it in quotes, as in "custom_id": "1".' };
  }
  if (!CUSTOM_ID_PATTERN.test(customId)) return badCustomId(customId);
  if (params === undefined) return { message: 'params is missing.', hint: `A request is ${SHAPE}; params has model, max_tokens and messages.` };
  if (!isObject(params)) return { message: 'params is not an object.', hint: 'params is the body of a Messages API request: model, max_tokens and messages.' };
  if (metadata !== undefined) {
    if (!isObject(metadata)) return { message: 'metadata is not an object.', hint: 'Write it as "metadata": {…}, or leave it out.' };
    const size = Buffer.byteLength(JSON.stringify(metadata));
    if (size > MAX_METADATA_BYTES) {
      return { message: `metadata has ${size} bytes; at most ${MAX_METADATA_BYTES} are carried.`, hint: 'Keep an id there, and the data in a file or database of your own.' };
    }
  }
  const unknown = Object.keys(value).find((key) => !KEYS.has(key));
  if (unknown !== undefined) {
    return {
      message: `${quoted(unknown)} is not a key of a request.`,
      hint: 'What is for the API belongs inside params; what is for yourself, inside metadata.',
    };
  }
  return undefined;
}

function requestOf(value: Record<string, unknown>, bytes: Buffer): RequestLine | LineProblem {
  const members = membersOf(bytes);
  if (members.length !== Object.keys(value).length) {
    const twice = members.find((member, index) => members.findIndex((other) => other.key === member.key) !== index);
    return { message: `${quoted(twice?.key ?? '')} stands twice in the line.`, hint: 'Keep one of them: which one counts would be a guess.' };
  }
  const customId = value['custom_id'] as string;
  const facts = requestFacts(value['params'] as Record<string, unknown>);
  if (members.length === 2) return { customId, sent: bytes, facts };
  const custom = valueOf(bytes, members, 'custom_id');
  const sent = Buffer.concat([Buffer.from('{"custom_id":'), custom, Buffer.from(',"params":'), valueOf(bytes, members, 'params'), Buffer.from('}')]);
  return { customId, sent, facts, metadata: value['metadata'] as Record<string, unknown> };
}

function valueOf(bytes: Buffer, members: JsonMember[], key: string): Buffer {
  const member = members.find((candidate) => candidate.key === key)!;
  return bytes.subarray(member.start, member.end);
}

function badCustomId(customId: string): LineProblem {
  if (customId.length === 0) return { message: 'custom_id is empty.', hint: 'Give each request a name of its own: letters, digits, _ and -.' };
  const wrong = /[^a-zA-Z0-9_-]/u.exec(customId)?.[0];
  if (wrong !== undefined) {
    return { message: `custom_id ${quoted(customId)} has ${quoted(wrong)} in it.`, hint: 'Only letters (a-z, A-Z), digits, _ and - may stand there, 64 at most.' };
  }
  return { message: `custom_id ${quoted(customId)} has ${customId.length} characters.`, hint: 'Shorten it to 64, or use a hash of it.' };
}

function notAnObject(value: unknown): LineProblem {
  if (Array.isArray(value)) {
    const hint = `Write one request on each line, without the brackets: jq -c '.[]' FILE > requests.jsonl does it.`;
    return { message: 'A JSON array, not a request.', hint };
  }
  return { message: `A JSON ${value === null ? 'null' : typeof value}, not a request.`, hint: `A request is ${SHAPE}.` };
}

/** Says what V8 says, but never its excerpt of the line. */
function notJson(bytes: Buffer, error: unknown): LineProblem {
  const said = error instanceof Error ? error.message : '';
  const token = /^Unexpected token (?:'(.)'|(.)(?:\s|,|$))/u.exec(said);
  const position = /at position (\d+)/.exec(said)?.[1];
  const where = position === undefined ? '' : ` at character ${Number(position) + 1}`;
  const begin = bytes.toString('latin1', 0, 2);
  if (/^Unexpected end|^Unterminated string/.test(said) || Number(position) >= bytes.toString('utf8').length) {
    const hint =
      bytes.length <= 2
        ? `Each request must stand on one line: jq -c . FILE (for an array jq -c '.[]' FILE) writes it so.`
        : 'Write the whole request on one line; line breaks inside strings are written as \\n.';
    return { message: 'Not JSON: it ends too early.', hint };
  }
  if (begin === "{'") {
    return { message: `Not JSON: single quotes${where}.`, hint: 'JSON has double quotes. In Python write lines with json.dumps(request), not str(request).' };
  }
  const what = token ? `unexpected ${quoted(token[1] ?? token[2] ?? '')}` : 'a syntax error';
  return { message: `Not JSON: ${what}${where}.`, hint: `Write each line with a JSON library; a request is ${SHAPE}.` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Safe in a terminal and of bounded length. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
