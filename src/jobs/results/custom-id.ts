import { CUSTOM_ID_PATTERN } from '../../contract';

const BEGIN = Buffer.from('{"custom_id":"');
const AFTER_ID = Buffer.from('","result":{');
const END = Buffer.from('}}');
const QUOTE = 0x22;
const MAX_BYTES = 64;

/**
 * The custom_id of a line of results, without decoding the whole line where it is written as the API does.
 * @returns undefined where the line is none of results.
 */
export function customIdOf(line: Buffer): string | undefined {
  return quickCustomId(line) ?? parsedCustomId(line);
}

/** Of a line that begins with the two members there are, and ends with the second of them, an object. */
function quickCustomId(line: Buffer): string | undefined {
  if (!standsAt(line, 0, BEGIN) || !standsAt(line, line.length - END.length, END)) return undefined;
  const end = line.indexOf(QUOTE, BEGIN.length);
  if (end === -1 || end - BEGIN.length > MAX_BYTES || !standsAt(line, end, AFTER_ID)) return undefined;
  const id = line.toString('latin1', BEGIN.length, end);
  return CUSTOM_ID_PATTERN.test(id) ? id : undefined;
}

function standsAt(line: Buffer, at: number, bytes: Buffer): boolean {
  return at >= 0 && at + bytes.length <= line.length && bytes.compare(line, at, at + bytes.length) === 0;
}

function parsedCustomId(line: Buffer): string | undefined {
  try {
    const { custom_id: id } = JSON.parse(line.toString('utf8')) as { custom_id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
