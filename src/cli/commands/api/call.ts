/** Makes one call: the client, a signal that Ctrl-C aborts, and errors that a person can act on. */
import type { ApiHooks, ApiOptions, CallOptions, MessageBatchesApi } from '../../../api';
import type { AccountReference } from '../../../contract';
import { SIMULATED_ACCOUNT } from '../../../contract';
import { CliError } from '../../cli-error';
import type { CommandContext } from '../../command';
import type { ExitCode } from '../../exit-codes';
import { accountOf, API_VERSION, apiOptionsOf, requireKey } from '../../settings';
import { printable } from '../../printable';
import { exitCodeOf, StopSignals } from '../../signals';
import { callOptionsOf } from './call-options';
import type { ApiCommandOptions } from './call-options';
import { callFailure } from './call-failure';

/** What is called. */
export interface CalledApi {
  name: 'create' | 'retrieve' | 'list' | 'cancel' | 'delete' | 'results';
  /** Of the batch. */
  id?: string;
  /** Told of each attempt. */
  hooks?: Pick<ApiHooks, 'onRequest' | 'onResponse' | 'onRetry'>;
  /** What a stop by a signal leaves behind. Default: nothing is changed. */
  stopped?: () => LeftBehind;
}

export interface LeftBehind {
  code: string;
  message: string;
  hint?: string;
  /** Default: that of the signal. */
  exitCode?: ExitCode;
}

/** Why a call was aborted. */
class StoppedBySignal extends Error {
  constructor(readonly signal: Awaited<StopSignals['received']>) {
    super(`Stopped by ${signal}.`);
  }
}

/**
 * Runs `use` with a client of the environment's account, or of the simulator. Signals are held until it is over: what an answer tells
 * that must not be lost is to be printed in it.
 * @throws CliError for every way in which a call can fail
 */
export async function withApi<T>(context: CommandContext, called: CalledApi, options: ApiCommandOptions, use: (api: MessageBatchesApi, call: CallOptions) => Promise<T>): Promise<T> {
  const callOptions = callOptionsOf(options);
  const account = apiAccount(context, options);
  const { MessageBatchesApi } = await import('../../../api/index.js');
  using signals = new StopSignals(() => undefined);
  const stop = new AbortController();
  void signals.received.then((signal) => stop.abort(new StoppedBySignal(signal)));
  let api: MessageBatchesApi | undefined;
  try {
    api = new MessageBatchesApi(await clientOptions(context, account, options, called.hooks));
    return await use(api, { ...callOptions, signal: stop.signal });
  } catch (error) {
    if (error instanceof StoppedBySignal) throw stoppedError(error, called, options);
    throw await callFailure(error, { ...called, commandLine: (...words) => apiCommandLine(options, ...words) });
  } finally {
    await api?.close();
  }
}

/** Who pays, and where. @throws CliError where no key is set, or the base URL cannot be used */
export function apiAccount({ env }: CommandContext, options: ApiCommandOptions): AccountReference {
  const account = accountOf(env, { simulate: options.simulate });
  requireKey(env, account);
  return account;
}

/** A further command of `api` as a person would type it. */
export function apiCommandLine(options: ApiCommandOptions, ...words: string[]): string {
  return ['message-batches', 'api', ...words.map((word) => quoted(printable(word))), ...(options.simulate ? ['--simulate'] : [])].join(' ');
}

async function clientOptions({ env, home, out }: CommandContext, account: AccountReference, options: ApiCommandOptions, hooks: CalledApi['hooks']): Promise<ApiOptions> {
  const [{ ensureSimulator }, { logHooks }] = await Promise.all([import('../../../local/index.js'), import('../../../api/index.js')]);
  const simulator = account.label === SIMULATED_ACCOUNT.label ? await ensureSimulator(home, {}, out.say) : undefined;
  const fromEnv = await apiOptionsOf(env, account, simulator?.url);
  const log = out.verbose ? logHooks('debug', (line) => out.say(printable(line))) : fromEnv.hooks;
  return { ...fromEnv, apiVersion: API_VERSION, betaApi: options.betaApi, maxRetries: undefined, hooks: joined(log, hooks) };
}

/** Both are told; those of the log alone may add headers. */
function joined(log: ApiHooks | undefined, more: CalledApi['hooks']): ApiHooks {
  return {
    ...log,
    onRequest(event) {
      more?.onRequest?.(event);
      return log?.onRequest?.(event);
    },
    onResponse(event) {
      more?.onResponse?.(event);
      log?.onResponse?.(event);
    },
    onRetry(event) {
      more?.onRetry?.(event);
      log?.onRetry?.(event);
    },
  };
}

function stoppedError({ signal }: StoppedBySignal, called: CalledApi, options: ApiCommandOptions): CliError {
  const changes = called.name === 'cancel' || called.name === 'delete';
  const unknown: LeftBehind = { code: 'stopped', message: `Stopped. Whether the ${called.name} was carried out is unknown.`, hint: `See: ${apiCommandLine(options, 'retrieve', called.id ?? '')}` };
  const { code, message, hint, exitCode = exitCodeOf(signal) } = called.stopped?.() ?? (changes ? unknown : { code: 'stopped', message: 'Stopped.' });
  return new CliError(code, message, { hint, exitCode });
}

/** Safe to paste into a shell. */
function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
