#!/usr/bin/env node
import { CommanderError } from 'commander';
import { CliError, toCliError } from './cli-error';
import { ExitCode } from './exit-codes';
import { preferSmallHeap } from './lean-memory';
import { Output } from './output';
import { createProgram } from './program';

async function main(argv: string[]): Promise<void> {
  preferSmallHeap();
  leaveQuietlyWhenNobodyReads();
  // The SDK of S3 would tell the users of this command which Node to install.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const shown = error instanceof CommanderError ? usageError(error) : toCliError(error);
    // The options could not be read where the usage is wrong, so they are looked for here.
    new Output({ json: argv.includes('--json'), verbose: argv.includes('--verbose'), env: process.env }).error(shown);
    process.exitCode = shown.exitCode;
  }
}

function usageError(error: CommanderError): CliError {
  // Without any command, commander has printed the help already.
  if (error.code === 'commander.help') return new CliError('usage', 'Say which command to run.');
  return new CliError('usage', error.message.replace(/^error: /, ''), { hint: 'All commands and options: message-batches --help, message-batches COMMAND --help' });
}

/** `results | head` ends well, and a terminal that was closed does not stop a hand-over. */
function leaveQuietlyWhenNobodyReads(): void {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(ExitCode.ok);
    if (code === 'EIO') return;
    process.stderr.write(`Error: stdout cannot be written: ${message}\n`);
    process.exit(ExitCode.failed);
  });
  process.stderr.on('error', () => undefined);
}

// What is still open then (timers of a closed connection) is nothing to wait for.
void main(process.argv).finally(() => process.exit());
