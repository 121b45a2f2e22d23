/**
 * All settings of the command line in one place.
 *
 *   ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN   who pays; never stored, never shown
 *   ANTHROPIC_BASE_URL, ANTHROPIC_CUSTOM_HEADERS, HTTPS_PROXY, HTTP_PROXY, NO_PROXY   see `apiOptionsFromEnv`
 *   ANTHROPIC_LOG                               the same; the lines of a worker go to its log
 *   MESSAGE_BATCHES_CALLS_PER_MINUTE            most calls a minute of all workers of the account: see `callsPerMinuteOf`
 *   MESSAGE_BATCHES_NOTIFY_COMMANDS=1          workers run the commands of --notify on a Temporal server that others use too
 *   TEMPORAL_*, TEMPORAL_CLI_PATH, MESSAGE_BATCHES_HOME   read by the local room
 */
import type { ApiOptions, LogLevel } from '../api';
import type { AccountReference } from '../contract';
import { DEFAULT_BASE_URL, SIMULATED_ACCOUNT } from '../contract';
import { CliError } from './cli-error';

/** Version of the API's requests and answers that is asked for; part of a job's identity. */
export const API_VERSION = '2023-06-01';

/** Accepted by the simulator, which accepts any key; no key of anybody's goes there. */
const SIMULATOR_KEY = 'simulated';

/** Which account a command is about. */
export function accountOf(env: NodeJS.ProcessEnv, { label = 'default', simulate = false }: { label?: string; simulate?: boolean }): AccountReference {
  if (simulate) return SIMULATED_ACCOUNT;
  if (!/^[a-zA-Z0-9_-]{1,40}$/.test(label) || label === SIMULATED_ACCOUNT.label) {
    throw new CliError('invalid_settings', `"${label}" cannot be the name of an account.`, {
      hint: 'At most 40 letters, digits, "-" and "_"; "simulated" is taken by --simulate.',
    });
  }
  return { label, baseUrl: baseUrlOf(env) };
}

/** Whether there is a credential; its value is nobody's business. */
export function hasKey(env: NodeJS.ProcessEnv): boolean {
  const inHeaders = /^\s*(x-api-key|authorization)\s*:/im.test(env.ANTHROPIC_CUSTOM_HEADERS ?? '');
  return Boolean(env.ANTHROPIC_API_KEY?.trim() || env.ANTHROPIC_AUTH_TOKEN?.trim()) || inHeaders;
}

/** @throws CliError that names the variable and the way without one. */
export function requireKey(env: NodeJS.ProcessEnv, account: AccountReference): void {
  if (account.label === SIMULATED_ACCOUNT.label || hasKey(env)) return;
  throw new CliError('no_key', 'No API key is set.', {
    hint: 'Set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN). To try it out without a key and without cost, use --simulate.',
  });
}

/**
 * The environment must speak of the account that a job was started with, since a key must never
 * be sent to another host than the one it is for.
 */
export function requireSameHost(env: NodeJS.ProcessEnv, account: AccountReference): void {
  if (account.label === SIMULATED_ACCOUNT.label || baseUrlOf(env) === normalUrl(account.baseUrl)) return;
  throw new CliError('other_base_url', `The job was started with the API at ${account.baseUrl}, but the environment names ${baseUrlOf(env)}.`, {
    hint: account.baseUrl === DEFAULT_BASE_URL ? 'Unset ANTHROPIC_BASE_URL.' : `Set ANTHROPIC_BASE_URL=${account.baseUrl}`,
  });
}

/** Both: a key, and of the host that the job was started with. */
export function requireAccess(env: NodeJS.ProcessEnv, account: AccountReference): void {
  requireKey(env, account);
  requireSameHost(env, account);
}

/**
 * How a worker of the account reaches the API. Temporal does the retrying.
 *
 * @param log gets the lines that ANTHROPIC_LOG asks for; default: they go to stderr.
 */
export async function apiOptionsOf(env: NodeJS.ProcessEnv, account: AccountReference, simulatorUrl?: string, log?: (line: string) => void): Promise<ApiOptions> {
  if (account.label === SIMULATED_ACCOUNT.label) {
    return { baseUrl: simulatorUrl, credential: { kind: 'x-api-key', token: SIMULATOR_KEY }, apiVersion: API_VERSION, maxRetries: 0 };
  }
  const { apiOptionsFromEnv, logHooks } = await import('../api/index.js');
  const options = apiOptionsFromEnv(env);
  // There are hooks where the level is one.
  if (log && options.hooks) options.hooks = logHooks(env.ANTHROPIC_LOG?.trim().toLowerCase() as LogLevel, log);
  return { ...options, apiVersion: API_VERSION, maxRetries: 0 };
}

function baseUrlOf(env: NodeJS.ProcessEnv): string {
  const text = env.ANTHROPIC_BASE_URL?.trim() || DEFAULT_BASE_URL;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password) {
    throw new CliError('invalid_settings', 'ANTHROPIC_BASE_URL is not a plain http or https address.', {
      hint: `Unset it, or set it to something like ${DEFAULT_BASE_URL}; credentials do not belong in it.`,
    });
  }
  return normalUrl(text);
}

/** One spelling for one API, so that it never is two accounts: `URL` writes the host in lower case and leaves the usual port out. */
function normalUrl(text: string): string {
  return new URL(text).href.replace(/\/+$/, '');
}
