import { usualResult } from '../../jsonl';
import { membersOf, trimJson } from '../json-members';

/**
 * The custom_id of a line of results, without parsing the whole line where it is written as the API writes succeeded ones.
 * @returns undefined where the line is none of results.
 */
export function customIdOf(line: Buffer): string | undefined {
  return usualResult(line)?.customId ?? parsedCustomId(line);
}

function parsedCustomId(line: Buffer): string | undefined {
  try {
    const { custom_id: id } = JSON.parse(line.toString('utf8')) as { custom_id?: unknown };
    return typeof id === 'number' ? customIdJson(line)?.toString() : typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** The value as it stands in a line that is JSON. An input may have numbers for ids, which are named as they are written. */
export function customIdJson(line: Buffer): Buffer | undefined {
  const bytes = trimJson(line);
  const member = membersOf(bytes).findLast(({ key }) => key === 'custom_id');
  return member && bytes.subarray(member.start, member.end);
}
