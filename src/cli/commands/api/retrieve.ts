import type { Command } from 'commander';
import type { CommandContext } from '../../command';
import { action, newCommand } from '../../command';
import { ExitCode } from '../../exit-codes';
import { addCallOptions } from './call-options';
import type { ApiCommandOptions } from './call-options';
import { withApi } from './call';
import { printBatch } from './print';

export function apiRetrieveCommand(): Command {
  const command = newCommand('retrieve', 'Show a batch: its status, its counts, where it stands in time.', [
    'message-batches api retrieve msgbatch_01AbC',
    'message-batches api retrieve msgbatch_01AbC --json | jq -r .processing_status',
  ]).argument('<id>', 'id of the batch');
  return addCallOptions(command).action(action(retrieve));
}

async function retrieve(context: CommandContext, id: string, options: ApiCommandOptions): Promise<ExitCode> {
  const { data } = await withApi(context, { name: 'retrieve', id }, options, (api, call) => api.retrieve(id, call));
  await printBatch(context.out, data, options);
  return ExitCode.ok;
}
