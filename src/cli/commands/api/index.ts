import { Command } from 'commander';
import { apiCancelCommand } from './cancel';
import { apiCreateCommand } from './create';
import { apiDeleteCommand } from './delete';
import { apiListCommand } from './list';
import { apiResultsCommand } from './results';
import { apiRetrieveCommand } from './retrieve';

/** The six calls of the API as they are: one call each, no job, no record of it. */
export function apiCommand(): Command {
  const command = new Command('api')
    .description('The six calls of the Message Batches API as they are: one call each, outside of any job.')
    .addHelpText(
      'after',
      [
        '',
        'Each takes --json, --verbose, --simulate and the options of the call: message-batches api create --help',
        'For many requests, and to survive a crash: message-batches run INPUT',
        '',
        'Examples:',
        '  $ message-batches api create requests.jsonl --simulate',
        '  $ message-batches api list --json',
        '  $ message-batches api results msgbatch_01AbC --output results.jsonl',
      ].join('\n'),
    );
  for (const make of [apiCreateCommand, apiRetrieveCommand, apiListCommand, apiCancelCommand, apiDeleteCommand, apiResultsCommand]) command.addCommand(make());
  return command;
}
