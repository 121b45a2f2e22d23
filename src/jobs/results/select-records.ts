import type { JobReport } from '../../contract';
import { readResults } from '../read-results';
import { mustBeUnchanged } from './results-size';
import { ResultRecord } from './result-record';
import { StoredResults } from './stored-results';

/** Which results of a job, in which order, and with what. */
export interface RecordsQuery {
  /** Only these, in this order; default all. */
  ids?: readonly string[];
  /** Default: that of results.jsonl. With requests it is always that of the input. */
  order?: 'input' | 'results';
  /** Reads the input too, so that each record tells of its request. */
  withRequests?: boolean;
  /** Requests without a result too; reads the input. */
  all?: boolean;
  /** Where the input lies, if not where the report says. */
  inputPath?: string;
  signal?: AbortSignal;
  /** Told, in words, why everything is read where an index would do. */
  onNote?: (note: string) => void;
}

/**
 * The results of a job that has ended, as a stream: those of a few MB together.
 * @throws InputError `results_not_found`, `input_not_found`, `input_changed` (which may come after records); StorageError;
 *   the signal's reason as it is.
 */
export async function* selectRecords(report: JobReport, query: RecordsQuery): AsyncGenerator<ResultRecord[], void, undefined> {
  const { ids, order, withRequests = false, all = false } = query;
  if (!ids && !withRequests && !all && order !== 'input') {
    await mustBeUnchanged(report);
    for await (const lines of readResults(report.output, query)) yield lines.map(({ bytes }) => new ResultRecord(bytes));
    return;
  }
  const input = { path: query.inputPath ?? report.input.path, sha256: report.input.sha256, generatedIds: report.input.generated_ids };
  const stored = await StoredResults.open(report.output, { ...query, report });
  try {
    if (ids) {
      const lines = await stored.ofIds(ids);
      const requests = withRequests && lines.size > 0 ? await stored.requestsOf([...lines.keys()], input) : undefined;
      yield [...lines].map(([id, line]) => new ResultRecord(line, { request: requests?.get(id) }));
    } else if (withRequests || all || !stored.indexed) {
      yield* stored.withRequests(input, { all });
    } else {
      yield* stored.inInputOrder();
    }
  } finally {
    await stored.close();
  }
}
