/** Options that every call takes, and what they become for the client. */
import type { Command } from 'commander';
import type { CallOptions } from '../../../api';
import { isSecretName } from '../../../api/headers';
import { CliError } from '../../cli-error';
import type { CommonOptions } from '../../command';
import { parseCount, parseDuration } from '../../durations';

export interface ApiCommandOptions extends CommonOptions {
  simulate?: boolean;
  beta?: string[];
  betaApi?: boolean;
  apiVersion?: string;
  workspace?: string;
  /** `Name: value`. */
  header?: string[];
  /** `name=value`. */
  query?: string[];
  /** In ms. */
  timeout?: number;
  maxRetries?: number;
}

/** Options of the calls that may have further fields in their body. */
export interface BodyFieldOptions {
  /** `name=JSON`. */
  bodyField?: string[];
}

export function addCallOptions(command: Command, timeout = 'how long the answer may take to begin (default: 60s)'): Command {
  return command
    .optionsGroup('Options of the call:')
    .option('--simulate', 'call the local simulator instead of the API: no key, no cost, invented answers')
    .option('--beta <name>', 'beta feature, sent as a header (may be repeated)', collect)
    .option('--beta-api', 'the older beta form of the API: its header, and ?beta=true')
    .option('--api-version <version>', 'anthropic-version (default: that of jobs)')
    .option('--workspace <id>', 'anthropic-workspace-id')
    .option('--header <name: value>', 'further header, not for credentials (may be repeated)', collect)
    .option('--query <name=value>', 'further query parameter, not for credentials (may be repeated)', collect)
    .option('--timeout <duration>', timeout, parseDuration)
    .option('--max-retries <n>', 'how often to call again after a passing failure; 0 turns it off (default: 2)', parseCount);
}

export function addBodyFieldOption(command: Command): Command {
  return command.option('--body-field <name=json>', 'further field of the body (may be repeated)', collect);
}

/**
 * What a call is made with. Values are never repeated in messages: a header may hold a secret, a field a prompt.
 * @throws CliError usage
 */
export function callOptionsOf(options: ApiCommandOptions): Omit<CallOptions, 'signal'> {
  return {
    betas: options.beta,
    apiVersion: options.apiVersion,
    workspaceId: options.workspace,
    headers: Object.fromEntries((options.header ?? []).map(headerOf)),
    query: Object.fromEntries((options.query ?? []).map(parameterOf)),
    timeoutMs: options.timeout,
    maxRetries: options.maxRetries,
  };
}

/** @throws CliError usage */
export function bodyFieldsOf({ bodyField }: BodyFieldOptions): Record<string, unknown> | undefined {
  if (!bodyField) return undefined;
  const fields = bodyField.map((text, index) => {
    const [name, json] = pairOf('--body-field', 'name=JSON', text, index);
    try {
      return [name, JSON.parse(json) as unknown];
    } catch {
      throw new CliError('usage', `The value of --body-field ${name} is not JSON.`, { hint: `A text stands in double quotes: --body-field '${name}="text"'` });
    }
  });
  return Object.fromEntries(fields) as Record<string, unknown>;
}

function collect(value: string, all: string[] = []): string[] {
  return [...all, value];
}

function headerOf(text: string, index: number): [string, string] {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(colon, 0)).trim();
  if (name === '') throw new CliError('usage', `--header number ${index + 1} is not of the form "Name: value".`, { hint: 'For example: --header "x-team: research"' });
  mustNotBeSecret('--header', name, 'Set ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or, for other headers, ANTHROPIC_CUSTOM_HEADERS.');
  return [name, text.slice(colon + 1).trim()];
}

function parameterOf(text: string, index: number): [string, string] {
  const [name, value] = pairOf('--query', 'name=value', text, index);
  mustNotBeSecret('--query', name, 'Where the API takes it as a header, set ANTHROPIC_CUSTOM_HEADERS.');
  return [name, value];
}

/** Arguments of a process can be read by others on the machine, and stay in the history of the shell. */
function mustNotBeSecret(option: string, name: string, hint: string): void {
  if (!isSecretName(name)) return;
  throw new CliError('usage', `${option} ${name} would show a credential to everybody who can list the processes of this machine.`, { hint });
}

function pairOf(option: string, form: string, text: string, index: number): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new CliError('usage', `${option} number ${index + 1} is not of the form ${form}.`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
