import type { Command } from 'commander';
import { SIMULATED_ACCOUNT } from '../../contract';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import type { ExitCode } from '../exit-codes';
import { startWorkerHere } from '../job-worker';
import type { OwnWorker } from '../own-worker';
import { openSession } from '../session';
import { accountOf, hasKey } from '../settings';
import { exitCodeOf, StopSignals } from '../signals';

interface DevOptions extends CommonOptions {
  account: string;
}

export function devCommand(): Command {
  return newCommand('dev', 'Run everything in the foreground: the Temporal server with its web UI, and workers for real and simulated jobs.', ['message-batches dev'])
    .option('--account <name>', 'name of the account that pays for real jobs', 'default')
    .action(action(dev));
}

async function dev(context: CommandContext, options: DevOptions): Promise<ExitCode> {
  const { env, out } = context;
  const account = accountOf(env, { label: options.account });
  using signals = new StopSignals(() => out.say('Left at once. Open jobs wait until a worker runs again.'));
  const session = await openSession(context);
  const workers: OwnWorker[] = [];
  try {
    if (hasKey(env)) workers.push(await startWorkerHere(context, session, account));
    else out.say('No API key is set (ANTHROPIC_API_KEY): only simulated jobs are served.');
    workers.push(await startWorkerHere(context, session, SIMULATED_ACCOUNT));
    const { address, webUiUrl } = session.temporal;
    out.print(
      [
        `Temporal  ${address}`,
        ...(webUiUrl ? [`web UI    ${webUiUrl}`] : []),
        'In another terminal: message-batches run INPUT --simulate',
        'Ctrl-C ends the workers. The server stays; `message-batches stop` ends it.',
      ].join('\n'),
    );
    out.document({ temporal: address, webUi: webUiUrl ?? null, accounts: [...(hasKey(env) ? [account] : []), SIMULATED_ACCOUNT] });
    const lost = workers.map(async (worker) => {
      const attention = await worker.refused;
      out.say(`${attention.message}\n${attention.hint}`);
      return new Promise<never>(() => undefined);
    });
    return exitCodeOf(await Promise.race([signals.received, ...lost]));
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await session.close();
  }
}
