import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { outputFolder, readResults } from '../../jobs';
import { absoluteLocation, isS3, openReplacement } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { shownPath } from '../display/rendering';
import { goneNote } from '../display/report-summary';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import type { JobOptions } from '../job-argument';
import { locateJob } from '../locate-job';
import { outputsOf } from '../report-facts';

const LINE_FEED = Buffer.from('\n');

interface ResultsOptions extends JobOptions {
  output?: string;
  id: string[];
}

export function resultsCommand(): Command {
  const command = newCommand('results', 'Print the results of a job that has ended: JSONL, each line as the API gave it.', [
    'message-batches results job_4c1f | head',
    'message-batches results --output answers.jsonl',
    'message-batches results job_4c1f --id question-7',
  ]);
  return addJobArgument(command, 'the only job')
    .option('-o, --output <file>', 'write to a file, or to s3://BUCKET/KEY, instead of stdout')
    .option('--id <custom_id>', 'only the result of this request (may be repeated)', (id: string, all: string[]) => [...all, id], [] as string[])
    .action(action(results));
}

async function results(context: CommandContext, reference: string | undefined, options: ResultsOptions): Promise<ExitCode> {
  const { out } = context;
  const { id: jobId, report } = await locateJob(context, reference, { ...options, openOnly: false });
  if (!report) {
    throw new CliError('job_unfinished', `Job ${jobId} has not ended yet; its results are written at the end.`, { hint: `Wait for it: message-batches wait ${jobId}`, details: { jobId } });
  }
  const outputs = await outputsOf(report);
  if (outputs.state !== 'there') {
    const batchIds = report.batches.map((batch) => batch.id);
    throw new CliError('outputs_gone', goneNote(report, outputs, { cwd: process.cwd() }), { hint: `Its batches: message-batches status ${jobId}`, details: { jobId, batchIds } });
  }
  const output = options.output === undefined ? undefined : absoluteLocation(options.output);
  if (output !== undefined) await mustHaveFolder(output);
  const missing = new Set(options.id);
  const chosen = chosenLines(report.output, options.id.length > 0 ? missing : undefined);
  if (output === undefined) {
    await pipeline(chosen, process.stdout, { end: false });
  } else {
    await writeFile(chosen, output);
    out.say(`Wrote ${shownPath(output, { cwd: process.cwd() })}`);
    out.document({ jobId, output });
  }
  if (missing.size > 0) {
    const { failedRequests, missingRequests } = outputFolder(report.output);
    const files = [failedRequests, ...(report.outcomes.missing > 0 ? [missingRequests] : [])].map((path) => shownPath(path, { cwd: process.cwd() }));
    throw new CliError('result_not_found', `Job ${jobId} has no result for ${[...missing].join(', ')}.`, {
      hint: `Requests without a result are in ${files.join(' or ')}`,
    });
  }
  return ExitCode.ok;
}

/** All lines, byte for byte, or those of the ids that are still missing; those found are taken out of the set. */
async function* chosenLines(folder: string, missing: Set<string> | undefined): AsyncGenerator<Buffer> {
  for await (const lines of readResults(folder)) {
    const chosen = missing ? lines.filter((line) => missing.delete(customIdOf(line.bytes))) : lines;
    if (chosen.length > 0) yield Buffer.concat(chosen.flatMap((line) => [line.bytes, LINE_FEED]));
    if (missing?.size === 0) return;
  }
}

function customIdOf(line: Buffer): string {
  return (JSON.parse(line.toString()) as { custom_id: string }).custom_id;
}

async function mustHaveFolder(path: string): Promise<void> {
  if (isS3(path)) return;
  const folder = dirname(path);
  await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CliError('file_problem', `The folder ${shownPath(folder, { cwd: process.cwd() })} does not exist.`, { hint: 'Make it first, or choose another name with --output FILE.', cause: error });
  });
}

/** Never leaves half a file under the name that was asked for. */
async function writeFile(source: AsyncIterable<Buffer>, path: string): Promise<void> {
  if (isS3(path)) return writeObject(source, path);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(source, createWriteStream(temporary, { flush: true }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeObject(source: AsyncIterable<Buffer>, location: string): Promise<void> {
  const object = await openReplacement(location);
  try {
    for await (const chunk of source) await object.writer.append(chunk);
    await object.commit();
  } finally {
    await object.discard();
  }
}
