/** Cuts a part in two that the API has found too large. */
import { createRecord, joinLocation, namesIn, openNewFolder, readRecord, StorageError } from '../storage';
import { partFilesIn, partFolder, type PartFolder, roundFolder } from './part-folder';
import { type PartRecord, partRecordOf, plannedPartOf, type SplitRecord } from './part-record';
import { readOrdinals, readPartRequests } from './part-requests';
import { PartWriter } from './part-writer';
import type { PlannedPart } from './round-plan';

/** Written last into the folder of a half: the mark that it is whole. */
const MARK = 'part.json';

const SPLIT_FILE = /^split-\d{4,}\.json$/;

/** `split-0003.json`, beside the plan of a round. */
export function splitFileName(part: number): string {
  return `split-${String(part).padStart(4, '0')}.json`;
}

export interface SplitPartOptions {
  /** The job's work folder. */
  workFolder: string;
  round: number;
  /** The part to be cut; it has at least two requests. */
  planned: PlannedPart;
  /** Of the halves. No other part of the round has them, and no other split takes them: that is the caller's to guard. */
  numbers: [number, number];
}

/**
 * Makes two new parts of the first and the second half of a part's requests. Each appears whole and safe from a power loss, or
 * not at all; the plan of the round tells of them once both are there. Can be repeated: what is there is kept.
 * @throws StorageError
 */
export async function splitPart({ workFolder, round, planned, numbers }: SplitPartOptions): Promise<[PlannedPart, PlannedPart]> {
  const path = joinLocation(roundFolder(workFolder, round), splitFileName(planned.part));
  const known = await readRecord<SplitRecord>(path);
  if (known) return known.into;
  const middle = Math.ceil(planned.requests / 2);
  const first = await makeHalf(workFolder, round, planned, { number: numbers[0], from: 0, to: middle });
  const second = await makeHalf(workFolder, round, planned, { number: numbers[1], from: middle, to: planned.requests });
  const into: [PlannedPart, PlannedPart] = [first, second];
  await createRecord(path, { part: planned.part, into } satisfies SplitRecord);
  return (await readRecord<SplitRecord>(path))?.into ?? into;
}

/** The splits of a round, by the parts that were split. @throws StorageError */
export async function readSplits(workFolder: string, round: number): Promise<SplitRecord[]> {
  return readSplitsIn(roundFolder(workFolder, round), readRecord);
}

/** As `readSplits`, from the folder that has the plan. */
export async function readSplitsIn(folder: string, read: (path: string) => Promise<SplitRecord | undefined>): Promise<SplitRecord[]> {
  const names = (await namesIn(folder)).filter((name) => SPLIT_FILE.test(name));
  const splits = await Promise.all(names.map((name) => read(joinLocation(folder, name))));
  return splits.filter((split) => split !== undefined).sort((a, b) => a.part - b.part);
}

interface Half {
  number: number;
  /** Positions of its requests in the part, `[from, to)`. */
  from: number;
  to: number;
}

async function makeHalf(workFolder: string, round: number, planned: PlannedPart, { number, from, to }: Half): Promise<PlannedPart> {
  const place = partFolder(workFolder, round, number);
  const known = await readMark(place);
  if (known) return known;
  const source = partFolder(workFolder, round, planned.part);
  const ordinals = await readOrdinals(source, planned.requests);
  const folder = await openNewFolder(place.folder);
  const group = { ...(planned.betas && { betas: planned.betas }), ...(planned.warm && { warm: planned.warm }) };
  const writer = await PartWriter.begin(folder, partFilesIn(folder.location, round, number), group);
  try {
    for await (const requests of readPartRequests(source)) {
      for (const { position, line, request } of requests) {
        if (position >= from && position < to) await writer.add(ordinals[position]!, line, request);
      }
    }
    const half = await writer.finish();
    if (await folder.commit(joinLocation(folder.location, MARK), `${JSON.stringify(partRecordOf(half), null, 2)}\n`)) return half;
  } finally {
    await writer.abandon();
    await folder.discard();
  }
  const theirs = await readMark(place);
  if (theirs) return theirs;
  throw new StorageError('changed', place.folder, `Part ${number} of round ${round} was removed while it was being made.`, 'Run the same command again; nothing of this part was sent.');
}

async function readMark({ folder }: PartFolder): Promise<PlannedPart | undefined> {
  const record = await readRecord<PartRecord>(joinLocation(folder, MARK));
  return record && plannedPartOf(record);
}
