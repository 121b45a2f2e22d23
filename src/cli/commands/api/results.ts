import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { ResultsStream } from '../../../api';
import { CliError } from '../../cli-error';
import type { CommandContext } from '../../command';
import { action, newCommand } from '../../command';
import { shownPath } from '../../display/rendering';
import { ExitCode } from '../../exit-codes';
import { apiCommandLine, withApi } from './call';
import { addCallOptions } from './call-options';
import type { ApiCommandOptions } from './call-options';
import { downloadProgress } from './download-progress';
import { ReceivedResults } from './received-results';
import { openResultsFile, partialName } from './results-file';

interface ApiResultsOptions extends ApiCommandOptions {
  output?: string;
  force?: boolean;
  offset?: number;
  ifRange?: string;
}

export function apiResultsCommand(): Command {
  const command = newCommand('results', 'Print the results of a batch that has ended: JSONL, byte for byte as the API gives it; or with --output a file that is there when it is whole.', [
    'message-batches api results msgbatch_01AbC | head',
    'message-batches api results msgbatch_01AbC --output results.jsonl',
  ])
    .argument('<id>', 'id of the batch')
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .option('--force', 'replace the file where there is one')
    .option('--offset <bytes>', 'leave out so many bytes, up to the beginning of a line', parseBytes)
    .option('--if-range <tag>', 'entity tag of what came before: the API then need not send it again, where it can do that');
  return addCallOptions(command).action(action(results));
}

async function results(context: CommandContext, id: string, options: ApiResultsOptions): Promise<ExitCode> {
  if (options.ifRange !== undefined && !options.offset) throw new CliError('usage', '--if-range says what came before, but not how much.', { hint: 'Add --offset BYTES.' });
  const received = new ReceivedResults(options.offset ?? 0);
  try {
    await withApi(context, { name: 'results', id }, options, async (api, call) => {
      const open = async () => continued(await api.results(id, { ...call, offset: options.offset, ifRange: options.ifRange }), options);
      await (options.output === undefined ? print(context, open, received) : save(context, resolve(options.output), open, received, options));
    });
    return ExitCode.ok;
  } catch (error) {
    throw error instanceof CliError && received.begun ? cutShort(error, received, id, options) : error;
  }
}

/** To stdout: as it comes, or with `--json` whole lines alone, so that an error after them is a line of JSON too. */
async function print({ out }: CommandContext, open: () => Promise<ResultsStream>, received: ReceivedResults): Promise<void> {
  const stream = await open();
  const progress = process.stdout.isTTY ? undefined : await downloadProgress(out, stream, received);
  try {
    await pipeline(out.json ? received.lines(stream) : received.bytes(stream), process.stdout, { end: false });
  } finally {
    progress?.close();
  }
}

async function save({ out }: CommandContext, path: string, open: () => Promise<ResultsStream>, received: ReceivedResults, { force = false }: ApiResultsOptions): Promise<void> {
  const file = await openResultsFile(path, { force });
  try {
    const stream = await open();
    const progress = await downloadProgress(out, stream, received);
    try {
      for await (const line of received.lines(stream)) await file.append(line);
    } finally {
      progress?.close();
    }
    await file.commit();
  } finally {
    await file.close();
  }
  const rendering = await out.progressRendering();
  out.say(`Wrote ${shownPath(path, rendering)}: ${received.summary(rendering)}`);
  out.document({ output: path, bytes: file.bytes, results: received.results, outcomes: received.outcomes, entityTag: received.entityTag ?? null });
}

/** What was asked for with an entity tag goes on from there, or it is of other results. */
function continued(stream: ResultsStream, { ifRange }: ApiResultsOptions): ResultsStream {
  if (ifRange === undefined || stream.status === 206 || stream.entityTag === ifRange) return stream;
  stream.close();
  throw new CliError('results_changed', 'The API does not say that these are the results that --if-range names.', { hint: 'Begin again, without --offset and --if-range.' });
}

/** Ends of a call after which what came before is good. */
const ENDS: Record<string, string> = { api_unreachable: 'results_cut', api_timeout: 'results_cut', invalid_answer: 'invalid_answer', stopped: 'stopped' };

/** Says what came before the end, and how to go on. */
function cutShort(error: CliError, received: ReceivedResults, id: string, options: ApiResultsOptions): CliError {
  const code = ENDS[error.code];
  if (code === undefined) return error;
  const tag = received.entityTag === undefined ? [] : ['--if-range', received.entityTag];
  const goOn = apiCommandLine(options, 'results', id, '--offset', String(received.end), ...tag);
  const { results: lines, passedOn } = received;
  const partial = options.output === undefined ? undefined : shownPath(partialName(resolve(options.output)), { cwd: process.cwd() });
  const kept = partial === undefined ? `${passedOn} bytes were printed before.` : `${lines} whole ${lines === 1 ? 'line is' : 'lines are'} kept in ${partial}.`;
  return new CliError(code, error.message, {
    hint: passedOn === 0 ? 'Nothing had come before. Try again.' : `${kept} Go on: ${goOn} >> ${partial ?? 'FILE'}`,
    exitCode: error.exitCode,
    details: { ...error.details, end: received.end, entityTag: received.entityTag ?? null },
    cause: error.cause,
  });
}

function parseBytes(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Write a whole number of bytes.');
  return Number(text);
}
