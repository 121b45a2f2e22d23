import type { Command } from 'commander';
import type { CommonOptions } from './command';

/** Options of commands that are about a job. */
export interface JobOptions extends CommonOptions {
  simulate?: boolean;
}

/** Adds JOB to a command. @param leftOut what is meant where it is left out */
export function addJobArgument(command: Command, leftOut = 'the only open job'): Command {
  return command
    .argument('[job]', `id or its beginning, path of the input, output folder, or msgbatch_… (default: ${leftOut})`)
    .option('--simulate', 'of the jobs that this can mean, only simulated ones');
}
