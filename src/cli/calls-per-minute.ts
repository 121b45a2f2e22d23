/** Bound of calls per minute: an option, or a variable, so that background workers have it too. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { CliError } from './cli-error';
import type { CommandContext } from './command';
import { parseCount } from './durations';

const VARIABLE = 'MESSAGE_BATCHES_CALLS_PER_MINUTE';

export interface CallsPerMinuteOptions {
  callsPerMinute?: number;
}

export function addCallsPerMinute(command: Command): Command {
  return command.option('--calls-per-minute <n>', 'most calls of the API a minute, of all workers of the account together (default: what the API tells)', parseBound);
}

/** The context whose workers keep to the option, those in the background too, which get its environment. */
export function withCallsPerMinute(context: CommandContext, { callsPerMinute }: CallsPerMinuteOptions): CommandContext {
  if (callsPerMinute !== undefined) return { ...context, env: { ...context.env, [VARIABLE]: String(callsPerMinute) } };
  callsPerMinuteOf(context.env);
  return context;
}

/** @returns undefined where no bound is set. @throws CliError */
export function callsPerMinuteOf(env: NodeJS.ProcessEnv): number | undefined {
  const text = env[VARIABLE]?.trim();
  if (!text) return undefined;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw new CliError('invalid_settings', `${VARIABLE} is ${JSON.stringify(text)}, not a number of calls.`, { hint: 'Set it to a whole number from 1, or unset it: then the limit that the API tells is kept.' });
  }
  return Number(text);
}

function parseBound(text: string): number {
  const bound = parseCount(text);
  if (bound === 0) throw new InvalidArgumentError('Write a whole number from 1.');
  return bound;
}
