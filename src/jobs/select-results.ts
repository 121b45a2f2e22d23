import type { ApiOutcome, DataReference } from '../contract';
import { openReplacement } from '../storage';
import type { Segments } from '../storage';
import { inputId } from './duplicate-ids';
import { readLedger } from './ledger-file';
import type { PartFolder } from './part-folder';
import { readPartRequests } from './part-requests';
import type { PassOptions } from './progress';

/** A stored result that was selected, by reference. */
export interface SelectedResult {
  customId: string;
  outcome: ApiOutcome;
  metadata: Record<string, unknown>;
  /** The result's line, without its line feed. */
  result: DataReference;
}

export interface SelectOptions extends PassOptions {
  partFolder: PartFolder;
  /** How many the part has. */
  requests: number;
  segments: Segments;
  outcomes: readonly ApiOutcome[];
  /** Leave out what will be sent again. */
  withoutRetryable: boolean;
  /** Where the list is written (JSONL). An earlier list at that place gives way. */
  listPath: string;
  /** Results in one slice of the list. */
  perSlice: number;
  /** What stands in the list for a result. */
  lineOf: (selected: SelectedResult) => unknown;
}

/** A slice of the list: bytes, and how many results stand there. */
export interface ListSlice {
  offset: number;
  length: number;
  count: number;
}

/** Writes a list of a part's selected results, in input order, and says where its slices lie. */
export async function selectResults(options: SelectOptions): Promise<ListSlice[]> {
  const { partFolder, requests, segments, outcomes, withoutRetryable, listPath, perSlice } = options;
  const ledger = await readLedger(partFolder, requests);
  const wanted = new Set<string>(outcomes);
  const slices: ListSlice[] = [];
  const list = await openReplacement(listPath);
  let offset = 0;
  try {
    for await (const group of readPartRequests(partFolder, options)) {
      for (const { position, request } of group) {
        const entry = ledger.entry(position);
        if (!wanted.has(entry.outcome) || (withoutRetryable && entry.retryable)) continue;
        const at = segments.locate(entry.offset);
        const line = options.lineOf({
          customId: inputId(request) ?? request.customId,
          outcome: entry.outcome as ApiOutcome,
          metadata: request.metadata ?? {},
          result: { uri: at.path, offset: at.offset, length: entry.length },
        });
        const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
        await list.writer.append(bytes);
        let slice = slices.at(-1);
        if (!slice || slice.count >= perSlice) slices.push((slice = { offset, length: 0, count: 0 }));
        slice.length += bytes.length;
        slice.count++;
        offset += bytes.length;
      }
    }
    await list.commit();
  } finally {
    await list.discard();
  }
  return slices;
}
