/** Brings the outcomes of an ended job into the parts that were planned to take them over. */
import { crc32 } from 'node:zlib';
import { noOutcomes, noUsage, type Outcome, type OldOutcome } from '../../contract';
import { isBlankLine } from '../../jsonl';
import { joinLocation, openSegments, readLines, readWhole } from '../../storage';
import { Ledger, type LedgerRecord, readLedgerRecord } from '../ledger-file';
import type { PartFolder } from '../part-folder';
import { partChanged } from '../part-requests';
import type { PassOptions } from '../progress';
import { customIdOf } from '../results/custom-id';
import type { EndedJob, OldRequest } from './ended-job';
import { POSITIONS_FILE } from './reused-requests';

const LINE_FEED = Buffer.from('\n');
/** So many bytes of results are held at once, except for a single longer one. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/**
 * Copies the results of a part's requests into its segments, in the order in which the earlier job has them, and closes its ledger: as if they
 * had been downloaded, but for the tokens, which this job has not paid. Can be repeated after a kill, and by two at once.
 * @throws InputError `earlier_job_changed`; StorageError; the signal's reason as it is.
 */
export async function takeOver(old: EndedJob, folder: PartFolder, count: number, options: PassOptions = {}): Promise<LedgerRecord> {
  const closed = await readLedgerRecord(folder);
  if (closed) return closed;
  const requests = await old.ofPositions(await readPositions(folder, count));
  await mustHaveLinesOfThese(old, folder, requests);
  const ledger = Ledger.blank(count, 'missing');
  const outcomes = noOutcomes();
  const withResult: { position: number; request: OldRequest }[] = [];
  for (const [position, request] of requests.entries()) {
    const outcome = plain(request.outcome);
    outcomes[outcome]++;
    ledger.set(position, { outcome, retryable: false, offset: 0, length: 0 });
    if (request.place.length > 0) withResult.push({ position, request });
  }
  withResult.sort((a, b) => a.request.place.offset - b.request.place.offset);
  const copied = await copyResults(old, folder, withResult, ledger, options);
  const record: LedgerRecord = { format: 2, ...copied, requests: count, outcomes, retryable: 0, usage: noUsage(), models: {}, problems: [], unknown_ids: 0, quarantined: 0 };
  await ledger.save(folder, record);
  return record;
}

async function copyResults(old: EndedJob, folder: PartFolder, results: readonly { position: number; request: OldRequest }[], ledger: Ledger, { signal }: PassOptions): Promise<Pick<LedgerRecord, 'generation' | 'lines' | 'bytes' | 'crc32'>> {
  if (results.length === 0) return { generation: 0, lines: 0, bytes: 0, crc32: 0 };
  const segments = await openSegments(folder.segments);
  // What an attempt before this one has stored is the same: it follows from results that were proved.
  const writer = await segments.begin();
  let bytes = 0;
  let sum = 0;
  try {
    for (const { from, to } of windowsOf(results)) {
      signal?.throwIfAborted();
      const lines = await old.linesAt(results.slice(from, to).map(({ request }) => request.place));
      for (const [index, line] of lines.entries()) {
        const { position, request } = results[from + index]!;
        ledger.set(position, { outcome: plain(request.outcome), retryable: false, offset: bytes, length: line.length });
        for (const piece of [line, LINE_FEED]) sum = crc32(piece, sum);
        if (bytes >= writer.start) await writer.append(line, LINE_FEED);
        bytes += line.length + LINE_FEED.length;
      }
    }
    if (writer.start > bytes) throw partChanged(folder.segments, `it has more than the ${bytes} bytes of results that are taken over`);
    await writer.finish();
  } finally {
    await writer.close();
  }
  return { generation: segments.generation, lines: results.length, bytes, crc32: sum };
}

async function readPositions(folder: PartFolder, count: number): Promise<Uint32Array> {
  const path = joinLocation(folder.folder, POSITIONS_FILE);
  const bytes = await readWhole(path);
  if (bytes.length !== count * 4) throw partChanged(path, `it should have ${count * 4} bytes`);
  const positions = new Uint32Array(count);
  for (let index = 0; index < count; index++) positions[index] = bytes.readUInt32LE(index * 4);
  return positions;
}

/** Lines that stand in the outputs of a job were not hashed: of those that have a result it tells whose it is. */
async function mustHaveLinesOfThese(old: EndedJob, folder: PartFolder, requests: readonly OldRequest[]): Promise<void> {
  if (requests.every(({ outcome }) => outcome === 'succeeded')) return;
  let position = 0;
  for await (const lines of readLines(folder.requests)) {
    const some = lines.filter(({ bytes }) => !isBlankLine(bytes));
    const places = some.map((_, index) => requests[position + index]!.place);
    const withResult = places.filter(({ length }) => length > 0);
    const results = await old.linesAt(withResult);
    for (const [index, { bytes }] of some.entries()) {
      if (places[index]!.length === 0) continue;
      const result = results.shift()!;
      const id = customIdOf(bytes) ?? old.madeIdOf(requests[position + index]!);
      if (id !== customIdOf(result)) throw old.changed('A request that did not succeed stands where another one did.');
    }
    position += some.length;
  }
  if (position !== requests.length) throw partChanged(folder.requests, `it holds ${position} requests, ${requests.length} were planned`);
}

function plain(outcome: OldOutcome): Outcome {
  return outcome === 'errored_final' ? 'errored' : outcome;
}

function* windowsOf(results: readonly { request: OldRequest }[]): Generator<{ from: number; to: number }> {
  let from = 0;
  let bytes = 0;
  for (const [at, { request }] of results.entries()) {
    if (at > from && bytes + request.place.length > WINDOW_BYTES) {
      yield { from, to: at };
      from = at;
      bytes = 0;
    }
    bytes += request.place.length;
  }
  if (from < results.length) yield { from, to: results.length };
}
