import { usualResult } from '../../jsonl';

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
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
