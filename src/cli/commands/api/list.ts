import type { Command } from 'commander';
import type { MessageBatch, MessageBatchPage } from '../../../api';
import { CliError } from '../../cli-error';
import type { CommandContext } from '../../command';
import { action, newCommand } from '../../command';
import { parseCount } from '../../durations';
import { ExitCode } from '../../exit-codes';
import { addCallOptions } from './call-options';
import type { ApiCommandOptions } from './call-options';
import { apiCommandLine, withApi } from './call';
import { printObject } from './print';
import { renderBatchTable } from './batch-text';

interface ListOptions extends ApiCommandOptions {
  limit?: number;
  after?: string;
  before?: string;
  all?: boolean;
}

export function apiListCommand(): Command {
  const command = newCommand('list', 'List the batches of the workspace, newest first: a page, or all.', [
    'message-batches api list',
    'message-batches api list --limit 100 --after msgbatch_01AbC',
    'message-batches api list --all --json | jq -r \'.data[].id\'',
  ])
    .option('--limit <n>', 'batches on a page, 1 to 1000 (default: the API\'s own, 20)', parseCount)
    .option('--after <id>', 'the page after this batch: older ones')
    .option('--before <id>', 'the page before this batch: newer ones')
    .option('--all', 'all further pages too, in the same direction');
  return addCallOptions(command).action(action(list));
}

async function list(context: CommandContext, options: ListOptions): Promise<ExitCode> {
  const { out } = context;
  const { limit, after: afterId, before: beforeId } = options;
  if (afterId !== undefined && beforeId !== undefined) throw new CliError('usage', '--after and --before name opposite directions.', { hint: 'Give one of them.' });
  const page = await withApi(context, { name: 'list' }, options, async (api, call): Promise<MessageBatchPage> => {
    const params = { limit, afterId, beforeId };
    if (!options.all) return (await api.list(params, call)).data;
    const batches: MessageBatch[] = [];
    for await (const batch of api.listAll(params, call)) batches.push(batch);
    return { data: batches, has_more: false, first_id: batches[0]?.id ?? null, last_id: batches.at(-1)?.id ?? null };
  });
  out.print(page.data.length === 0 ? 'There are no batches here.' : renderBatchTable(page.data, await out.rendering()));
  const next = page.has_more ? nextPage(page, options) : undefined;
  if (next) out.print(`More: ${next}`);
  printObject(out, page);
  return ExitCode.ok;
}

/** The command that shows the next page in the same direction. */
function nextPage({ data, first_id: first, last_id: last }: MessageBatchPage, options: ListOptions): string | undefined {
  const newer = options.before !== undefined;
  const cursor = newer ? (first ?? data[0]?.id) : (last ?? data.at(-1)?.id);
  if (cursor === undefined) return undefined;
  return apiCommandLine(options, 'list', ...(options.limit === undefined ? [] : ['--limit', String(options.limit)]), newer ? '--before' : '--after', cursor);
}
