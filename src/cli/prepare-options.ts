import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { CliError } from './cli-error';

export function parseTokens(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Write a whole number of tokens.');
  return Number(text);
}

/** One character; `\t` and `tab` are the tab, which few shells let one type. */
export function parseDelimiter(text: string): string {
  if (text === '\\t' || text === 'tab') return '\t';
  if (!/^[^"\r\n]$/u.test(text)) throw new InvalidArgumentError('Write one character, or tab.');
  return text;
}

/** @returns the JSON of the file, whatever it is. */
export async function readParamsFile(path: string): Promise<unknown> {
  const text = await readText(path, '--params');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliError('bad_params', `${path} is not JSON.`, { hint: 'It holds params of the Messages API: {"temperature": 0, "tools": […]}.', cause: error });
  }
}

/** Without the line end that editors put at the end of a file. */
export async function readTemplateFile(path: string): Promise<string> {
  return (await readText(path, '--prompt-file')).replace(/\r?\n$/, '');
}

async function readText(path: string, option: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliError('file_problem', `${path} (${option}) is not UTF-8.`, { hint: 'Save it as UTF-8.', cause: error });
  }
}
