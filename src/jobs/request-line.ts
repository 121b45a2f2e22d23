import { isUtf8 } from 'node:buffer';
import { CUSTOM_ID_PATTERN, MAX_METADATA_BYTES } from '../contract/limits';
import { type JsonMember, membersOf, trimJson } from './json-members';
import { requestFacts } from './request-facts';
import { type OwnId, type RequestLine, sentOf } from './request-parts';
import { usualRequest } from './usual-request';

export type { OwnId, RequestLine } from './request-parts';

export interface ParseOptions {
  /** Gives the id that a line is sent under whose own the API would refuse. Without, such a line is refused. */
  makeId?: () => string;
}

/** Why a line cannot be sent. */
export interface LineProblem {
  /** What is wrong. Of the line's content only key names and the `custom_id` stand in it, never a prompt. */
  message: string;
  /** How to mend it. */
  hint: string;
}

const KEYS = new Set(['custom_id', 'params', 'metadata', 'betas']);
/** Safe in a header. */
const BETA_NAME = /^[a-z0-9][\w.-]{0,127}$/i;
const MOST_BETAS = 32;
/** As a header: proxies refuse requests whose headers have 8 KB in all. */
const MAX_BETAS_BYTES = 4096;
/** Most bytes (UTF-8) of an id that the API would refuse. */
const MAX_OWN_ID_BYTES = 512;
const ID_HINT = 'Or have ids made: --ids generate.';
const SHAPE = '{"custom_id": "…", "params": {…}}';

export function isLineProblem(parsed: RequestLine | LineProblem): parsed is LineProblem {
  return 'hint' in parsed;
}

/**
 * Checks one line of an input. What stands inside `params` is the API's to judge.
 * @param bytes the line without its line feed; white space around the object is accepted.
 */
export function parseRequestLine(bytes: Buffer, options: ParseOptions = {}): RequestLine | LineProblem {
  return usualRequest(bytes) ?? parseCarefully(bytes, options);
}

/** As `parseRequestLine`, whatever the line looks like. */
export function parseCarefully(bytes: Buffer, options: ParseOptions = {}): RequestLine | LineProblem {
  const trimmed = trimJson(bytes);
  if (!isUtf8(trimmed)) {
    return { message: 'Not valid UTF-8.', hint: 'Save the file as UTF-8: iconv -f LATIN1 -t UTF-8 converts the usual other encoding.' };
  }
  let value: unknown;
  try {
    value = JSON.parse(trimmed.toString('utf8'));
  } catch (error) {
    if (error instanceof RangeError) return { message: 'The line is nested too deeply, or too long, to be read.', hint: `A request is ${SHAPE}; the API takes none that is nested like this.` };
    return notJson(trimmed, error);
  }
  if (!isObject(value)) return notAnObject(value);
  return problemOf(value, options) ?? requestOf(value, trimmed, options);
}

function problemOf(value: Record<string, unknown>, options: ParseOptions): LineProblem | undefined {
  if ('body' in value && 'url' in value && !('params' in value)) {
    return {
      message: 'A line of an OpenAI batch file (custom_id, method, url, body).',
      hint: `Write ${SHAPE}: params is the body of a Messages API request (model, max_tokens, messages), and method and url are left out.`,
    };
  }
  const { custom_id: customId, params } = value;
  const idProblem = options.makeId ? ownIdProblem(customId) : customIdProblem(customId);
  if (idProblem) return idProblem;
  if (params === undefined) return { message: 'params is missing.', hint: `A request is ${SHAPE}; params has model, max_tokens and messages.` };
  if (!isObject(params)) return { message: 'params is not an object.', hint: 'params is the body of a Messages API request: model, max_tokens and messages.' };
  const otherProblem = metadataProblem(value['metadata']) ?? betasProblem(value['betas']);
  if (otherProblem) return otherProblem;
  const unknown = Object.keys(value).find((key) => !KEYS.has(key));
  if (unknown !== undefined) {
    return {
      message: `${quoted(unknown)} is not a key of a request.`,
      hint: 'What is for the API belongs inside params; what is for yourself, inside metadata.',
    };
  }
  return undefined;
}

function metadataProblem(metadata: unknown): LineProblem | undefined {
  if (metadata === undefined) return undefined;
  if (!isObject(metadata)) return { message: 'metadata is not an object.', hint: 'Write it as "metadata": {…}, or leave it out.' };
  const size = sizeOf(metadata);
  if (size === undefined) return { message: 'metadata is nested too deeply.', hint: 'Keep an id there, and the data in a file or database of your own.' };
  if (size <= MAX_METADATA_BYTES) return undefined;
  return { message: `metadata has ${size} bytes; at most ${MAX_METADATA_BYTES} are carried.`, hint: 'Keep an id there, and the data in a file or database of your own.' };
}

/** @returns bytes as JSON; undefined where it is nested more deeply than the stack is high. */
function sizeOf(value: object): number | undefined {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function betasProblem(betas: unknown): LineProblem | undefined {
  const hint = 'Write the names of betas as "betas": ["…"], or leave it out.';
  if (betas === undefined) return undefined;
  if (!Array.isArray(betas)) return { message: 'betas is not a list.', hint };
  if (betas.length > MOST_BETAS) return { message: `betas has ${betas.length} names; at most ${MOST_BETAS} are sent.`, hint: 'Name those that the request needs only.' };
  for (const name of betas as unknown[]) {
    if (typeof name !== 'string') return { message: 'betas has something in it that is not a string.', hint };
    if (!BETA_NAME.test(name)) return { message: `betas has ${quoted(name)} in it, which is no name of a beta.`, hint };
  }
  const bytes = betas.join().length;
  if (bytes > MAX_BETAS_BYTES) return { message: `betas has ${bytes} bytes as a header; at most ${MAX_BETAS_BYTES} are sent.`, hint: 'Name those that the request needs only.' };
  return undefined;
}

function requestOf(value: Record<string, unknown>, bytes: Buffer, options: ParseOptions): RequestLine | LineProblem {
  const members = membersOf(bytes);
  if (members.length !== Object.keys(value).length) {
    const twice = members.find((member, index) => members.findIndex((other) => other.key === member.key) !== index);
    return { message: `${quoted(twice?.key ?? '')} stands twice in the line.`, hint: 'Keep one of them: which one counts would be a guess.' };
  }
  const facts = factsOf(value);
  const params = members.find(({ key }) => key === 'params')!;
  const own = ownIdOf(value['custom_id'], bytes, members);
  if (own) {
    const customId = options.makeId?.() ?? '';
    return { customId, ...sentOf(Buffer.from(`"${customId}"`), bytes.subarray(params.start, params.end)), ...facts, own };
  }
  const customId = value['custom_id'] as string;
  if (members.length === 2) return { customId, sent: bytes, paramsStart: params.start, paramsEnd: params.end, ...facts };
  return { customId, ...sentOf(valueOf(bytes, members, 'custom_id'), bytes.subarray(params.start, params.end)), ...facts };
}

function factsOf(value: Record<string, unknown>): Pick<RequestLine, 'facts' | 'metadata' | 'betas'> {
  const betas = [...new Set((value['betas'] ?? []) as string[])].sort();
  return {
    facts: requestFacts(value['params'] as Record<string, unknown>),
    ...(value['metadata'] !== undefined && { metadata: value['metadata'] as Record<string, unknown> }),
    ...(betas.length > 0 && { betas }),
  };
}

/** @returns undefined where the line's own id is good. */
function ownIdOf(customId: unknown, bytes: Buffer, members: JsonMember[]): OwnId | undefined {
  if (typeof customId === 'string' && CUSTOM_ID_PATTERN.test(customId)) return undefined;
  if (customId === undefined || customId === null) return {};
  const json = valueOf(bytes, members, 'custom_id');
  return typeof customId === 'string' ? { json, text: customId } : { json, text: json.toString('latin1'), isNumber: true };
}

function ownIdProblem(customId: unknown): LineProblem | undefined {
  if (customId === undefined || customId === null || typeof customId === 'number') return undefined;
  if (typeof customId !== 'string') return { message: 'custom_id is neither a string nor a number.', hint: 'Write it in quotes, as in "custom_id": "1", or leave it out.' };
  const bytes = Buffer.byteLength(customId);
  if (bytes > MAX_OWN_ID_BYTES) return { message: `custom_id has ${bytes} bytes; at most ${MAX_OWN_ID_BYTES} are carried.`, hint: 'Shorten it, or leave it out.' };
  if (/\p{Cs}/u.test(customId)) return { message: 'custom_id has half a character in it (a lone surrogate).', hint: 'Write it with a JSON library, or leave it out.' };
  return undefined;
}

function customIdProblem(customId: unknown): LineProblem | undefined {
  if (customId === undefined) return { message: 'custom_id is missing.', hint: `A request is ${SHAPE}. ${ID_HINT}` };
  if (typeof customId !== 'string') return { message: 'custom_id is not a string.', hint: `Write it in quotes, as in "custom_id": "1". ${ID_HINT}` };
  if (CUSTOM_ID_PATTERN.test(customId)) return undefined;
  const { message, hint } = badCustomId(customId);
  return { message, hint: `${hint} ${ID_HINT}` };
}

function valueOf(bytes: Buffer, members: JsonMember[], key: string): Buffer {
  const member = members.find((candidate) => candidate.key === key)!;
  return bytes.subarray(member.start, member.end);
}

/** Says why the API would refuse a custom_id that does not match its pattern. */
export function badCustomId(customId: string): LineProblem {
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
