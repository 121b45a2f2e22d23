import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Fault, Simulator } from '../../simulator';
import { CliError } from '../cli-error';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { parseCount, parseDuration } from '../durations';
import type { ExitCode } from '../exit-codes';
import { exitCodeOf, StopSignals } from '../signals';

interface SimulateOptions extends CommonOptions {
  port?: number;
  folder?: string;
  pathPrefix?: string;
  processing?: number;
  errored?: number;
  overloaded?: number;
  expired?: number;
  faultyAttempts?: number;
  usageFactor?: number;
  retryAfter?: number;
  fault: Fault[];
  backgroundChild?: boolean;
}

export function simulateCommand(): Command {
  const command = newCommand('simulate', 'Run a local server that speaks the Message Batches API and invents the answers. For trying out and for tests.', [
    'message-batches simulate --port 8765 --processing 30s',
    'ANTHROPIC_BASE_URL=http://127.0.0.1:8765 ANTHROPIC_API_KEY=any message-batches run requests.jsonl',
    'message-batches simulate --fault \'{"on":"create","kind":"lose-answer"}\'',
  ])
    .option('--port <n>', 'port on 127.0.0.1 (default: any free one)', parseCount)
    .option('--folder <dir>', 'where batches are kept; the same folder goes on (default: in the home folder)')
    .option('--path-prefix <path>', 'stands before every path, as behind a gateway: /some/path')
    .option('--processing <duration>', 'how long a batch is processed (default: 3s)', parseDuration)
    .option('--errored <share>', 'share of requests that fail for good, 0 to 1', parseShare)
    .option('--overloaded <share>', 'share of requests that fail for a passing reason', parseShare)
    .option('--expired <share>', 'share of requests that expire', parseShare)
    .option('--faulty-attempts <n>', 'the shares apply to the first n times that a request is seen (default: 1)', parseCount)
    .option('--usage-factor <n>', 'multiplies the tokens that results report as used (default: 1)', parseFactor)
    .option('--retry-after <seconds>', 'hint on polling, given while a batch is processed', parseCount)
    .option('--fault <json>', 'a fault to make once (may be repeated)', parseFault, [] as Fault[]);
  return command.addOption(command.createOption('--background-child').hideHelp()).action(action(simulate));
}

async function simulate({ out, home }: CommandContext, options: SimulateOptions): Promise<ExitCode> {
  const [{ startSimulator }, { announceReady }] = await Promise.all([import('../../simulator/index.js'), import('../../local/index.js')]);
  using signals = new StopSignals(() => undefined);
  let simulator: Simulator | undefined;
  try {
    simulator = await startSimulator({
      folder: options.folder ?? home.simulator,
      port: options.port,
      pathPrefix: options.pathPrefix,
      processingMs: options.processing,
      erroredShare: options.errored,
      overloadedShare: options.overloaded,
      expiredShare: options.expired,
      faultyAttempts: options.faultyAttempts,
      usageFactor: options.usageFactor,
      retryAfterSeconds: options.retryAfter,
    });
    for (const fault of options.fault) simulator.addFault(fault);
  } catch (error) {
    await simulator?.close();
    throw notStarted(error);
  }
  out.print(`Simulating the Message Batches API at ${simulator.url}\nUse it: ANTHROPIC_BASE_URL=${simulator.url} ANTHROPIC_API_KEY=any message-batches run INPUT\nCtrl-C ends it; its batches are kept.`);
  out.document({ url: simulator.url, port: simulator.port });
  if (options.backgroundChild) await announceReady({ url: simulator.url });
  const signal = await signals.received;
  await simulator.close();
  return exitCodeOf(signal);
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text === '' || !(share >= 0 && share <= 1)) throw new InvalidArgumentError('Write a number from 0 to 1, such as 0.05.');
  return share;
}

function parseFactor(text: string): number {
  const factor = Number(text);
  if (text === '' || !(factor >= 0 && Number.isFinite(factor))) throw new InvalidArgumentError('Write a number from 0, such as 3 or 0.5.');
  return factor;
}

function parseFault(text: string, all: Fault[]): Fault[] {
  try {
    return [...all, JSON.parse(text) as Fault];
  } catch {
    throw new InvalidArgumentError('Write the fault as JSON, such as {"on":"create","kind":"lose-answer"}.');
  }
}

/** The simulator's own errors (a port that is taken, a fault that it cannot make) say what to do in their message. */
function notStarted(error: unknown): unknown {
  if (!(error instanceof Error) || 'hint' in error) return error;
  if (/works with .* already/.test(error.message)) {
    return new CliError('simulator_not_started', error.message, { hint: 'Another folder: message-batches simulate --folder DIR\nEnd what runs in the background: message-batches stop', cause: error });
  }
  return new CliError('simulator_not_started', error.message, { hint: 'Its options: message-batches simulate --help', cause: error });
}
