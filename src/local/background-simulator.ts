/** The simulator that `--simulate` uses: one in the background, shared by all commands of a home. */
import type { BackgroundProcess } from './background';
import { runningBackground, startBackground, stopBackground } from './background';
import { withoutSecrets } from './environment';
import type { Home } from './home';
import type { ProcessIdentity } from './processes';
import { withLock } from './lock';
import { choosePort } from './ports';
import type { Say } from './say';
import { readState, replaceState } from './state-file';

export interface SimulatorOptions {
  /** What Node runs; the product's command line, unless a test says otherwise. */
  entry?: string[];
}

const NAME = 'simulator';
const ANSWER_TIMEOUT_MS = 3_000;
const LOCK_TIMEOUT_MS = 120_000;

/**
 * Makes sure that it runs and answers. Its batches lie in the home folder, and it takes the port it had before where
 * that is free, so that whoever has its address goes on after a restart.
 * @throws LocalError
 */
export async function ensureSimulator(home: Home, options: SimulatorOptions, say: Say): Promise<{ url: string }> {
  const url = await answering(await find(home));
  if (url !== undefined) return { url };
  const waiting = { timeoutMs: LOCK_TIMEOUT_MS, doing: 'starts the simulator', onWait: ({ pid }: ProcessIdentity) => say(`Waiting for process ${pid}, which starts the simulator (a few seconds).`) };
  return withLock(home, 'simulator', waiting, async () => {
    const found = await find(home);
    const url = await answering(found);
    if (url !== undefined) return { url };
    if (found) {
      say(`The simulator (process ${found.pid}) does not answer: ending it, and starting another.`);
      await stopBackground(home, NAME);
    }
    return start(home, options, say);
  });
}

async function start(home: Home, { entry }: SimulatorOptions, say: Say): Promise<{ url: string }> {
  say('Starting the simulator, which takes a second or so …');
  const addressFile = `${home.simulator}.json`;
  const previous = (await readState<{ port: number }>(addressFile))?.port;
  const port = await choosePort(previous === undefined ? [] : [previous]);
  const argv = ['simulate', '--background-child', '--folder', home.simulator, '--port', String(port)];
  const { info } = await startBackground(home, NAME, argv, { ...withoutSecrets(process.env), MESSAGE_BATCHES_HOME: home.folder }, { entry });
  const url = String(info['url']);
  await replaceState(addressFile, { port: Number(new URL(url).port) });
  say(`The simulator runs at ${url}. It goes on in the background; \`message-batches stop\` ends it.`);
  return { url };
}

async function find(home: Home): Promise<BackgroundProcess | undefined> {
  return (await runningBackground(home)).find(({ name }) => name === NAME);
}

/** @returns its URL, where it answers there. */
async function answering(simulator: BackgroundProcess | undefined): Promise<string | undefined> {
  const url = simulator?.info['url'];
  if (typeof url !== 'string') return undefined;
  try {
    const { ok } = await fetch(new URL('/simulator/stats', url), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return ok ? url : undefined;
  } catch {
    return undefined;
  }
}
