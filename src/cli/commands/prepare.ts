import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { MissingValues, Prepared, RowFormat } from '../../jobs/prepare';
import { absoluteLocation, ScratchFile } from '../../storage';
import { CliError } from '../cli-error';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { counted, shownPath } from '../display/rendering';
import type { Rendering } from '../display/rendering';
import { ExitCode } from '../exit-codes';
import { openInput } from '../input-file';
import { mustBeNew } from '../new-file';
import { parseDelimiter, parseTokens, readParamsFile, readTemplateFile } from '../prepare-options';
import { printResults, writeResults } from '../results-output';
import { badRows } from '../row-problems';

interface PrepareOptions extends CommonOptions {
  model?: string;
  maxTokens?: number;
  prompt?: string;
  promptFile?: string;
  system?: string;
  idField?: string;
  metadata?: string[];
  params?: string;
  missing: MissingValues;
  format?: RowFormat;
  delimiter?: string;
  output?: string;
  force?: boolean;
  dryRun?: boolean;
}

const MISSING: readonly MissingValues[] = ['error', 'skip', 'empty'];
const FORMATS: readonly RowFormat[] = ['csv', 'tsv', 'jsonl'];
const STDIN = 'Standard input';

export function prepareCommand(): Command {
  return newCommand('prepare', 'Make requests of the rows of a table: one for each row, by a template of the prompt. Sends nothing, needs no key.', [
    "message-batches prepare rows.csv --model claude-sonnet-4-5 --max-tokens 300 --prompt 'Solve: {{question}}' --output requests.jsonl",
    "message-batches prepare rows.csv --model claude-sonnet-4-5 --max-tokens 300 --prompt 'Solve: {{question}}' --dry-run",
    "message-batches prepare people.jsonl --model claude-sonnet-4-5 --max-tokens 300 --prompt-file prompt.txt --id-field id --metadata author.name,topic | message-batches run -",
  ])
    .argument('<rows>', 'CSV with a header, TSV, or JSONL of objects, plain or .gz; a file, s3://BUCKET/KEY, or "-" for standard input')
    .option('--model <model>', 'the model of all requests')
    .option('--max-tokens <n>', 'most tokens of an answer', parseTokens)
    .option('--prompt <template>', 'the user message, with {{field}} where a value of the row stands')
    .option('--prompt-file <file>', 'the same, from a file')
    .option('--system <template>', 'the system prompt, in the same way')
    .option('--id-field <field>', 'where the custom_ids stand (default: row-1, row-2, …)')
    .option('--metadata <fields>', 'fields kept with each request, never sent, for results and follow-ups', (names: string) => names.split(',').map((name) => name.trim()))
    .option('--params <file>', 'further params of all requests, as a JSON object: temperature, tools, system blocks, …')
    .addOption(new Option('--missing <how>', 'a row without a value is an error, is left out, or gets nothing in its place').choices(MISSING).default('error'))
    .addOption(new Option('--format <format>', 'what ROWS is (default: by its name, else by its beginning)').choices(FORMATS))
    .option('--delimiter <character>', 'what stands between two cells (default: a comma, or a tab in TSV)', parseDelimiter)
    .option('-o, --output <file>', 'write to a file, or to s3://BUCKET/KEY, instead of stdout; compressed where its name ends in .gz')
    .option('--force', 'replace the file where there is one')
    .option('--dry-run', 'write nothing, show the first request')
    .action(action(prepare));
}

async function prepare({ out, home }: CommandContext, rowsArgument: string, options: PrepareOptions): Promise<ExitCode> {
  // Loads a library that no other command needs.
  const { prepareRequests } = await import('../../jobs/prepare/index.js');
  const prompt = await promptOf(options);
  const output = options.output === undefined ? undefined : absoluteLocation(options.output);
  const others = [options.params, options.promptFile].filter((file) => file !== undefined).map((file) => absoluteLocation(file));
  const params = options.params === undefined ? undefined : await readParamsFile(options.params);
  const fromStdin = rowsArgument === '-';
  if (output !== undefined) await mustBeNew(output, { inputs: fromStdin ? others : [absoluteLocation(rowsArgument), ...others], force: options.force ?? false });
  // Rows are looked at to the end before the first request is given away, and standard input is kept for as long as that takes.
  await mkdir(home.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home.folder, '.prepare-'));
  try {
    const { path } = await openInput(rowsArgument, folder);
    const source = fromStdin ? STDIN : shownPath(path, { cwd: process.cwd() });
    const scratch = await ScratchFile.open(join(folder, 'requests.jsonl'));
    try {
      const prepared = await prepareRequests(path, scratch, { ...options, prompt, params, source, format: options.format ?? (options.delimiter === undefined ? undefined : 'csv') });
      if (prepared.problemCount > 0) throw badRows(prepared, source);
      if (!options.dryRun) await give(scratch, output);
      const rendering = await out.progressRendering();
      out.say(summary(prepared, source, output, options.dryRun ?? false, rendering));
      if (options.dryRun || output !== undefined) out.document(documentOf(prepared, path, output, options));
    } finally {
      await scratch.discard();
    }
    return ExitCode.ok;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function promptOf({ prompt, promptFile }: PrepareOptions): Promise<string> {
  if (prompt !== undefined && promptFile !== undefined) throw new CliError('usage', '--prompt and --prompt-file say two things.', { hint: 'Leave one of them out.' });
  if (promptFile !== undefined) return readTemplateFile(promptFile);
  if (prompt === undefined) throw new CliError('usage', 'The prompt is missing.', { hint: "Add --prompt 'Solve: {{question}}', with the names of your columns, or --prompt-file FILE." });
  return prompt;
}

async function give(scratch: ScratchFile, output: string | undefined): Promise<void> {
  if (output === undefined) await printResults(scratch.chunks(), false);
  else await writeResults(scratch.chunks(), output, output.endsWith('.gz'));
}

function summary(prepared: Prepared, source: string, output: string | undefined, dryRun: boolean, rendering: Rendering): string {
  const { formats } = rendering;
  const file = output === undefined ? undefined : shownPath(output, rendering);
  const lines = [`${counted(prepared.requests, 'request', rendering)} of ${counted(prepared.rows, 'row', rendering)} of ${source}, ${formats.bytes(prepared.bytes)}${file === undefined || dryRun ? '' : ` → ${file}`}`];
  if (prepared.skipped > 0) lines.push(`${counted(prepared.skipped, 'row', rendering)} left out because a value is missing`);
  if (prepared.emptyValues > 0) lines.push(`${counted(prepared.emptyValues, 'missing value', rendering)} replaced by nothing`);
  if (dryRun) return [...lines, 'The first request:', JSON.stringify(JSON.parse(prepared.first ?? 'null'), null, 2), 'Nothing was written. Write it: the same command without --dry-run'].join('\n');
  return [...lines, `Send it: ${file === undefined ? 'pipe it into message-batches run -' : `message-batches run ${file}`}`].join('\n');
}

function documentOf({ format, rows, requests, skipped, emptyValues, bytes, first }: Prepared, path: string, output: string | undefined, { dryRun = false }: PrepareOptions) {
  const counts = { format, rows, requests, skipped, emptyValues, bytes };
  return dryRun ? { ...counts, input: path, output: null, first } : { ...counts, input: path, output };
}
