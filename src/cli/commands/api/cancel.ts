import type { Command } from 'commander';
import type { CommandContext } from '../../command';
import { action, newCommand } from '../../command';
import { ExitCode } from '../../exit-codes';
import { addBodyFieldOption, addCallOptions, bodyFieldsOf } from './call-options';
import type { ApiCommandOptions, BodyFieldOptions } from './call-options';
import { withApi } from './call';
import { printBatch } from './print';

export function apiCancelCommand(): Command {
  const command = newCommand('cancel', 'Ask the API to cancel a batch. It ends a little later, and may have results of what was done before.', [
    'message-batches api cancel msgbatch_01AbC',
  ]).argument('<id>', 'id of the batch');
  return addBodyFieldOption(addCallOptions(command)).action(action(cancel));
}

async function cancel(context: CommandContext, id: string, options: ApiCommandOptions & BodyFieldOptions): Promise<ExitCode> {
  const bodyFields = bodyFieldsOf(options);
  const { data } = await withApi(context, { name: 'cancel', id }, options, (api, call) => api.cancel(id, { ...call, bodyFields }));
  await printBatch(context.out, data, options);
  return ExitCode.ok;
}
