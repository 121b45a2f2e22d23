/** What `results` was asked for, checked: which results, in which form. */
import type { Field, RecordsQuery, ResultsFormat } from '../jobs/results';
import { apiLines, csv, fieldLines, fieldsOf, joinedLines, text } from '../jobs/results';
import { CliError } from './cli-error';
import type { JobOptions } from './job-argument';

export const FORMATS = ['jsonl', 'csv', 'text'] as const;
export const ORDERS = ['results', 'input'] as const;

export interface ResultsOptions extends JobOptions {
  output?: string;
  force?: boolean;
  id: string[];
  format: (typeof FORMATS)[number];
  fields?: string[];
  join?: boolean;
  order?: (typeof ORDERS)[number];
  all?: boolean;
  input?: string;
  gzip?: boolean;
  escapeFormulas?: boolean;
}

/** Where the output goes, as far as its form hangs on that. */
export interface ResultsTarget {
  /** A person looks at stdout. */
  terminal: boolean;
}

export interface ResultsRequest {
  query: RecordsQuery;
  gzip: boolean;
  format(): Promise<ResultsFormat>;
}

/**
 * @throws CliError `usage` for options that make no sense together; InputError `unknown_field`.
 */
export function resultsRequest(options: ResultsOptions, { terminal }: ResultsTarget): ResultsRequest {
  const toTerminal = terminal && options.output === undefined;
  const gzip = (options.gzip ?? false) || (options.output?.endsWith('.gz') ?? false);
  const fields = options.fields && fieldsOf(options.fields);
  const withRequests = (options.join ?? false) || (fields?.some(({ ofRequest }) => ofRequest) ?? false);
  refuseForm(options, { gzip: gzip && toTerminal });
  refuseSelection(options, { readsInput: withRequests || options.all === true || options.order === 'input', withRequests });
  return {
    query: {
      ids: options.id.length > 0 ? options.id : undefined,
      order: options.order,
      withRequests,
      all: options.all,
      inputPath: options.input,
    },
    gzip,
    format: () => formatOf(options, fields, toTerminal && !gzip),
  };
}

async function formatOf(options: ResultsOptions, fields: Field[] | undefined, forTerminal: boolean): Promise<ResultsFormat> {
  switch (options.format) {
    case 'csv':
      return csv({ fields, escapeFormulas: options.escapeFormulas, forTerminal });
    case 'text':
      return text({ bare: options.id.length === 1, forTerminal });
    default:
      if (fields) return fieldLines(fields);
      return options.join ? joinedLines() : apiLines();
  }
}

function refuseForm({ format, fields, join, json, output, force, escapeFormulas }: ResultsOptions, { gzip }: { gzip: boolean }): void {
  if (escapeFormulas && format !== 'csv') throw usage('--escape-formulas is for CSV.', 'Add --format csv, or leave it out.');
  if (fields && format === 'text') throw usage('--format text has no fields.', 'Name fields for --format csv or jsonl.');
  if (join && fields) throw usage('--join and --fields say two different things.', 'Fields such as params and metadata.topic bring the request along by themselves.');
  if (join && format === 'csv') throw usage('--join is for JSONL.', 'Name the columns instead: --format csv --fields custom_id,text,metadata.topic');
  if (join && format === 'text') throw usage('--join is for JSONL.', 'Leave out --format text, or --join.');
  if (json && format !== 'jsonl' && output === undefined) throw usage(`--json prints JSON, not ${format}.`, `Leave out --json, or write the ${format} to a file with --output FILE.`);
  if (force && output === undefined) throw usage('--force replaces a file, and none is named.', 'Add --output FILE.');
  if (gzip) throw usage('Compressed bytes are nothing for a terminal.', 'Write them to a file: --output FILE.gz, or pipe them somewhere.');
}

function refuseSelection({ id, all, order, input }: ResultsOptions, { readsInput, withRequests }: { readsInput: boolean; withRequests: boolean }): void {
  if (id.length > 0 && all) throw usage('--id names requests, and --all means all of them.', 'Leave one of them out.');
  if (id.length > 0 && order !== undefined) throw usage('The results of --id come in the order they are named in.', 'Leave out --order.');
  if (order === 'results' && (withRequests || all)) throw usage('Results come in the order of the input where it is read.', 'Leave out --order results.');
  if (input !== undefined && !readsInput) throw usage('--input is of no use here: the input is not read.', 'It goes with --join, --all, --order input, and fields of params and metadata.');
}

function usage(message: string, hint: string): CliError {
  return new CliError('usage', message, { hint });
}
