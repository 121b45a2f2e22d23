import type { Command } from 'commander';
import type { CommandContext } from '../../command';
import { action, newCommand } from '../../command';
import { ExitCode } from '../../exit-codes';
import { printable } from '../../printable';
import { addCallOptions } from './call-options';
import type { ApiCommandOptions } from './call-options';
import { withApi } from './call';
import { printObject } from './print';

export function apiDeleteCommand(): Command {
  const command = newCommand('delete', 'Delete a batch that has ended, and its results, for good.', ['message-batches api delete msgbatch_01AbC']).argument('<id>', 'id of the batch');
  return addCallOptions(command).action(action(deleteBatch));
}

async function deleteBatch(context: CommandContext, id: string, options: ApiCommandOptions): Promise<ExitCode> {
  const { data } = await withApi(context, { name: 'delete', id }, options, (api, call) => api.delete(id, call));
  context.out.print(`Deleted ${printable(data.id)} and its results.`);
  printObject(context.out, data);
  return ExitCode.ok;
}
