/** Options of what can be changed while a job runs: how they are typed, and how a change is told. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { JobSettings } from '../contract';
import { dollars } from './display/money';
import { parseCount } from './durations';

/** As typed: left out where the person did not type it, so that a default never changes a running job; `none` takes a limit away. */
export interface SettingsOptions {
  retries?: number;
  queueLimit?: Limit;
  maxCost?: Limit;
}

type Limit = number | 'none';

/** Adds the options to a command. @param changes the command changes a job, rather than beginning one */
export function addSettingsOptions(command: Command, { changes = false } = {}): Command {
  const none = changes ? '; "none" takes the limit away' : '; can be changed while the job runs';
  return command
    .option('--retries <n>', `further rounds for requests that expired or failed for a passing reason${changes ? '' : ' (default: 2)'}`, parseCount)
    .option('--queue-limit <n>', `most requests of the account that wait at the API at once${changes ? '' : ' (default: learned from what the API refuses)'}${none}`, parseQueueLimit)
    .option('--max-cost <usd>', `what the job may cost at most, in US dollars${changes ? '' : '; what does not fit any more is not sent'}${none}`, parseMaxCost);
}

/** What was typed of the settings. @returns undefined where nothing was */
export function typedSettings({ retries, queueLimit, maxCost }: SettingsOptions): JobSettings | undefined {
  const settings: JobSettings = {
    ...(retries !== undefined && { retries }),
    ...(queueLimit !== undefined && { queueLimit: amountOf(queueLimit) ?? null }),
    ...(maxCost !== undefined && { maxCost: amountOf(maxCost) ?? null }),
  };
  return Object.keys(settings).length > 0 ? settings : undefined;
}

/** @returns undefined where there is no limit */
export function amountOf(limit: Limit | undefined): number | undefined {
  return limit === 'none' ? undefined : limit;
}

/** `at most $20.00, 3 retries`. */
export function settingsSentence({ retries, queueLimit, maxCost }: JobSettings): string {
  const changes: string[] = [];
  if (maxCost !== undefined) changes.push(maxCost === null ? 'no limit of the cost' : `at most ${dollars(maxCost)}`);
  if (queueLimit !== undefined) changes.push(queueLimit === null ? 'no limit of the queue but the API\'s own' : `at most ${queueLimit.toLocaleString('en-US')} requests in the queue`);
  if (retries !== undefined) changes.push(`${retries} ${retries === 1 ? 'retry' : 'retries'}`);
  return changes.join(', ');
}

/** A line of its own for the answer of a command that changed something; empty where it did not. */
export function changedLine(settings: JobSettings | undefined): string {
  return settings ? `\nChanged: ${settingsSentence(settings)}.` : '';
}

function parseQueueLimit(text: string): Limit {
  if (text === 'none') return text;
  if (!/^\d{1,12}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('Write a whole number of requests without separators, such as 100000, or "none".');
  return Number(text);
}

function parseMaxCost(text: string): Limit {
  if (text === 'none') return text;
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError('Write US dollars as a plain number, such as 20 or 12.50, or "none".');
  if (Number(text) === 0) throw new InvalidArgumentError('With 0 nothing could be sent. To send nothing for now: message-batches pause JOB');
  return Number(text);
}
