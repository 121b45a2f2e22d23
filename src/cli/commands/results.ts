import { Option } from 'commander';
import type { Command } from 'commander';
import type { JobReport } from '../../contract';
import { outputFolder } from '../../jobs';
import type { ResultsFormat } from '../../jobs/results';
import { selectRecords } from '../../jobs/results';
import { absoluteLocation } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext } from '../command';
import { action, newCommand } from '../command';
import { shownPath } from '../display/rendering';
import { goneNote } from '../display/report-summary';
import { ExitCode } from '../exit-codes';
import { addJobArgument } from '../job-argument';
import { locateJob } from '../locate-job';
import { noResultsYet } from '../no-results-yet';
import { outputsOf } from '../report-facts';
import { FORMATS, ORDERS, resultsRequest } from '../results-options';
import type { ResultsOptions, ResultsRequest } from '../results-options';
import { mustBeWritable, printResults, writeResults } from '../results-output';

export function resultsCommand(): Command {
  const command = newCommand('results', 'Print the results of a job that has ended: as the API gave them, as a table, as text, or with their requests.', [
    'message-batches results job_4c1f | head',
    'message-batches results job_4c1f --id question-7 --format text',
    'message-batches results --format csv --output answers.csv',
    'message-batches results --format csv --fields custom_id,text,metadata.topic,output_tokens --output answers.csv.gz',
    'message-batches results --join --all --output joined.jsonl',
  ]);
  return addJobArgument(command, 'the only job')
    .option('-o, --output <file>', 'write to a file, or to s3://BUCKET/KEY, instead of stdout; compressed where its name ends in .gz')
    .option('--force', 'replace the file that --output names')
    .option('--id <custom_id>', 'only the result of this request (may be repeated)', (id: string, all: string[]) => [...all, id], [] as string[])
    .addOption(new Option('--format <format>', 'JSONL, CSV with a header, or text for reading').choices(FORMATS).default('jsonl'))
    .option('--fields <names>', 'columns of the CSV, or keys of the JSON: custom_id, outcome, text, stop_reason, output_tokens, …, and paths into metadata, params and result, e.g. metadata.topic', (names: string) => names.split(',').map((name) => name.trim()))
    .option('--join', 'each result with its request: {"custom_id", "params", "metadata", "result"}')
    .addOption(new Option('--order <order>', 'that of results.jsonl, or that of the input (default: results; input where the input is read)').choices(ORDERS))
    .option('--all', 'also the requests without a result, as missing or unsent')
    .option('--input <file>', 'where the input lies now, for what needs it')
    .option('--gzip', 'compress')
    .option('--escape-formulas', 'in CSV, put an apostrophe before texts that a spreadsheet would take for formulas')
    .action(action(results));
}

async function results(context: CommandContext, reference: string | undefined, options: ResultsOptions): Promise<ExitCode> {
  const { out } = context;
  const request = resultsRequest(options, { terminal: process.stdout.isTTY === true });
  const report = await endedReport(context, reference, options);
  const path = options.output === undefined ? undefined : absoluteLocation(options.output);
  if (path !== undefined) await mustBeWritable(path, { outputs: report.output, inputs: [report.input.path, absoluteLocation(options.input ?? report.input.path)], force: options.force ?? false });
  const missing = new Set(options.id);
  const bytes = encoded(await request.format(), recordsOf(context, report, request, missing));
  if (path === undefined) {
    await printResults(bytes, request.gzip);
  } else {
    await writeResults(bytes, path, request.gzip);
    out.say(`Wrote ${shownPath(path, { cwd: process.cwd() })}`);
    out.document({ jobId: report.job_id, output: path });
  }
  if (missing.size > 0) throw notFound(report, missing);
  return ExitCode.ok;
}

async function endedReport(context: CommandContext, reference: string | undefined, options: ResultsOptions): Promise<JobReport> {
  const known = await locateJob(context, reference, { ...options, openOnly: false });
  const { id: jobId, report } = known;
  if (!report) throw await noResultsYet(context, known);
  const outputs = await outputsOf(report);
  if (outputs.state === 'there') return report;
  const batchIds = report.batches.map((batch) => batch.id);
  throw new CliError('outputs_gone', goneNote(report, outputs, { cwd: process.cwd() }), { hint: `Its batches: message-batches status ${jobId}`, details: { jobId, batchIds } });
}

/** The records that were asked for; ids that were found are taken out of `missing`. */
async function* recordsOf({ out }: CommandContext, report: JobReport, { query }: ResultsRequest, missing: Set<string>) {
  const inputPath = query.inputPath === undefined ? undefined : absoluteLocation(query.inputPath);
  for await (const records of selectRecords(report, { ...query, inputPath, onNote: out.say })) {
    for (const { customId } of missing.size > 0 ? records : []) missing.delete(customId);
    yield records;
  }
}

async function* encoded(format: ResultsFormat, groups: ReturnType<typeof recordsOf>): AsyncGenerator<Buffer> {
  if (format.head.length > 0) yield format.head;
  for await (const records of groups) if (records.length > 0) yield format.encode(records);
}

function notFound(report: JobReport, missing: Set<string>): CliError {
  const { failedRequests, missingRequests } = outputFolder(report.output);
  const files = [failedRequests, ...(report.outcomes.missing > 0 ? [missingRequests] : [])].map((path) => shownPath(path, { cwd: process.cwd() }));
  const all = report.outcomes.succeeded === report.input.requests;
  const hint = all ? 'Every request of the job has a result, so none has such a custom_id.' : `Requests without a result are in ${files.join(' or ')}`;
  return new CliError('result_not_found', `Job ${report.job_id} has no result for ${[...missing].join(', ')}.`, { hint });
}
