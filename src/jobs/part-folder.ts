import { joinLocation } from '../storage';

/** Where the working data of one part lies. */
export interface PartFolder {
  round: number;
  part: number;
  folder: string;
  /** The job's own copy of the part's input lines (JSONL, LF after each). */
  requests: string;
  /** uint32 LE per request: its 0-based position among the requests of the whole input. */
  ordinals: string;
  /** The part's custom_ids, one a line, in the order of `requests`. A part that an older release has planned has none. */
  customIds: string;
  /** 16 bytes a request, by which inputs are compared (see `hashOfRequest`). A part that an older release has planned has none. */
  hashes: string;
  /** Only where requests are sent under ids of ours: for each request a line, with the JSON of its own id where it has one of those. */
  ownIds: string;
  /** Folder of the segments with the results as they arrived. */
  segments: string;
  /** What became of each request, and what that comes to. There once it is closed. */
  ledger: string;
}

/** The job's work folder: `.parts` in its output folder. */
export function workFolder(output: string): string {
  return joinLocation(output, '.parts');
}

/** `round-01` below the job's work folder. */
export function roundFolder(work: string, round: number): string {
  return joinLocation(work, `round-${String(round).padStart(2, '0')}`);
}

/** `round-01/part-0001` below the job's work folder, and the files in it. Rounds and parts count from 1. */
export function partFolder(work: string, round: number, part: number): PartFolder {
  return partFolderIn(roundFolder(work, round), round, part);
}

/** As `partFolder`, for a round that lies under another name while it is being planned. */
export function partFolderIn(folderOfRound: string, round: number, part: number): PartFolder {
  return partFilesIn(joinLocation(folderOfRound, `part-${String(part).padStart(4, '0')}`), round, part);
}

/** As `partFolder`, for a part that lies under another name while it is being made. */
export function partFilesIn(folder: string, round: number, part: number): PartFolder {
  return {
    round,
    part,
    folder,
    requests: joinLocation(folder, 'requests.jsonl'),
    ordinals: joinLocation(folder, 'ordinals.bin'),
    customIds: joinLocation(folder, 'custom-ids.txt'),
    hashes: joinLocation(folder, 'hashes.bin'),
    ownIds: joinLocation(folder, 'own-ids.jsonl'),
    segments: joinLocation(folder, 'segments'),
    ledger: joinLocation(folder, 'ledger.bin'),
  };
}

/** Lines that were put aside of the results of one generation (JSONL). Only there when there are any. */
export function quarantineFile({ folder }: PartFolder, generation: number): string {
  return joinLocation(folder, `quarantine-g${String(generation).padStart(4, '0')}.jsonl`);
}
