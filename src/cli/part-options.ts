/** Options that decide what is sent, and how it is cut into batches: those of `run` and `submit`, and of `check`, which tells it. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { MAX_REQUESTS_PER_BATCH } from '../contract';
import type { CheckInputOptions } from '../jobs';
import { parseCount } from './durations';

export interface PartOptions {
  ids?: 'given' | 'generate';
  maxRequests?: number;
}

export function addPartOptions(command: Command): Command {
  return command
    .addOption(command.createOption('--ids <ids>', '"generate": send ids of ours where the API would refuse those of the input, or there are none; the outputs carry the input\'s own').choices(['given', 'generate']))
    .option('--max-requests <n>', `most requests in one batch, for careful starts (default: the API's limit, ${MAX_REQUESTS_PER_BATCH})`, parseMaxRequests);
}

/** The same for the check of an input. */
export function checkOptionsOf({ ids, maxRequests }: PartOptions): CheckInputOptions {
  return { ...(ids && { ids }), ...(maxRequests !== undefined && { maxRequests }) };
}

/** As they would be typed again, each after a space. */
export function partOptionsTyped({ ids, maxRequests }: PartOptions): string {
  return `${ids ? ` --ids ${ids}` : ''}${maxRequests === undefined ? '' : ` --max-requests ${maxRequests}`}`;
}

function parseMaxRequests(text: string): number {
  const count = parseCount(text);
  if (count < 1 || count > MAX_REQUESTS_PER_BATCH) throw new InvalidArgumentError(`Write a number from 1 to ${MAX_REQUESTS_PER_BATCH}.`);
  return count;
}
