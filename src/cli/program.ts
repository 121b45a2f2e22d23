import { Command } from 'commander';
// Not by the index, which loads what starts servers.
import { productVersion } from '../local/product-version';
import { adoptCommand } from './commands/adopt';
import { apiCommand } from './commands/api';
import { cancelCommand } from './commands/cancel';
import { checkCommand } from './commands/check';
import { cleanCommand } from './commands/clean';
import { devCommand } from './commands/dev';
import { doctorCommand } from './commands/doctor';
import { pauseCommand } from './commands/pause';
import { prepareCommand } from './commands/prepare';
import { resultsCommand } from './commands/results';
import { resumeCommand } from './commands/resume';
import { retryCommand } from './commands/retry';
import { retryFollowUpsCommand } from './commands/retry-follow-ups';
import { runCommand } from './commands/run';
import { simulateCommand } from './commands/simulate';
import { statusCommand } from './commands/status';
import { stopCommand } from './commands/stop';
import { submitCommand } from './commands/submit';
import { verifyCommand } from './commands/verify';
import { waitCommand } from './commands/wait';
import { workerCommand } from './commands/worker';

/** The whole command line. Errors of usage are thrown, so that they can be printed like all others. */
export function createProgram(): Command {
  const program = new Command('message-batches')
    .description('Runs large batches of Claude requests durably: every request gets exactly one outcome, and none is paid for twice.')
    .version(productVersion(), '-V, --version')
    .addHelpText('after', '\nBegin with:\n  $ message-batches run requests.jsonl --simulate');
  const jobs = [runCommand, submitCommand, statusCommand, waitCommand, cancelCommand, pauseCommand, resumeCommand, resultsCommand, retryCommand, retryFollowUpsCommand, adoptCommand, verifyCommand, cleanCommand, prepareCommand, checkCommand];
  const machine = [workerCommand, devCommand, stopCommand, doctorCommand, simulateCommand];
  program.commandsGroup('Jobs:');
  for (const make of jobs) program.addCommand(make());
  program.commandsGroup('This machine:');
  for (const make of machine) program.addCommand(make());
  program.commandsGroup('The API by itself:').addCommand(apiCommand());
  throwErrors(program);
  return program;
}

/** commander would print errors of usage by itself, and exit. */
function throwErrors(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined }).showSuggestionAfterError();
  for (const subcommand of command.commands) throwErrors(subcommand);
}
