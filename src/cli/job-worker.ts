/** Which worker serves a job: one in this process, or one in the background. */
import { join } from 'node:path';
import type { AccountReference } from '../contract';
import { accountKey, SIMULATED_ACCOUNT } from '../contract';
import type { Home } from '../local';
import { callsPerMinuteOf } from './calls-per-minute';
import type { Output } from './output';
import type { OwnWorker } from './own-worker';
import { pricesFile, workerEnvironment } from './prices';
import type { Session } from './session';
import { apiOptionsOf, requireAccess } from './settings';
import { WorkerLog } from './worker-log';

export interface WorkerContext {
  home: Home;
  env: NodeJS.ProcessEnv;
  out: Output;
}

/** Starts a worker of the account in this process (and the simulator, where it is the simulated one). */
export async function startWorkerHere({ home, env, out }: WorkerContext, session: Session, account: AccountReference): Promise<OwnWorker> {
  requireAccess(env, account);
  const [{ startOwnWorker }, { ensureSimulator }] = await Promise.all([import('./own-worker.js'), import('../local/index.js')]);
  const simulator = account.label === SIMULATED_ACCOUNT.label ? await ensureSimulator(home, {}, out.say) : undefined;
  const log = new WorkerLog(join(home.logs, `worker-${accountKey(account)}.log`), out.verbose);
  return startOwnWorker({
    temporal: session.temporal,
    account,
    storage: home.folder,
    api: await apiOptionsOf(env, account, simulator?.url, (line) => log.write(line)),
    callsPerMinute: callsPerMinuteOf(env),
    prices: pricesFile(env),
    // Whoever reaches a server of one's own may start jobs anyway; one that others use as well would run their commands here.
    notifyCommands: session.temporal.embedded || env['MESSAGE_BATCHES_NOTIFY_COMMANDS'] === '1',
    log,
  });
}

/** Makes sure that a background worker serves the account. Returns when it is ready to work. */
export async function startWorkerInBackground({ home, env }: Pick<WorkerContext, 'home' | 'env'>, account: AccountReference): Promise<void> {
  requireAccess(env, account);
  const { productVersion, runningBackground, startBackground, stopBackground } = await import('../local/index.js');
  const name = backgroundWorkerName(account);
  const running = (await runningBackground(home)).find((each) => each.name === name);
  // One of another version is drained and replaced.
  if (running && running.version !== productVersion()) await stopBackground(home, name);
  const which = account.label === SIMULATED_ACCOUNT.label ? ['--simulate'] : ['--account', account.label];
  await startBackground(home, name, ['worker', '--background-child', ...which], workerEnvironment(env));
}

/** A command that leaves hands its work over. @param saying what it says to that. @returns whether a background worker serves the account now */
export async function handOver(context: WorkerContext, account: AccountReference, saying: string): Promise<boolean> {
  context.out.say(saying);
  return startWorkerInBackground(context, account).then(
    () => true,
    (error: Error) => {
      context.out.say(`No background worker could be started: ${error.message}`);
      return false;
    },
  );
}

/** Name of the background worker of an account among the background processes of a home. */
export function backgroundWorkerName(account: AccountReference): string {
  return `worker-${accountKey(account)}`;
}

export async function hasBackgroundWorker(home: Home, account: AccountReference): Promise<boolean> {
  const { runningBackground } = await import('../local/index.js');
  return (await runningBackground(home)).some((each) => each.name === backgroundWorkerName(account));
}
