/**
 * The job folder: what was paid, remembered outside Temporal (whose histories are deleted after a while,
 * and whose database can be set back). Every record is small, synced, and keyed by job, round and part.
 */
import { createHash } from 'node:crypto';
import type { BatchReport, FollowUpOptions, JobReport, JobSettings, OldOutcome, ReportedAttempt } from '../contract';
import { joinLocation } from '../storage';
import { CreateRecords } from './create-records';
import { type SplitRecord, withSplits } from './part-record';
import type { RoundPlan } from './round-plan';
import type { RecordStore } from './record-store';
import { syncedRecords } from './record-store';
import { readSplitsIn, splitFileName } from './split-part';

/** `job.json`: what the job is. Written first; once it is planned, never changed. */
export interface JobRecord {
  format: 1;
  job_id: string;
  simulated: boolean;
  account: { label: string; base_url: string };
  /** `bytes` and `sha256` are those of the decompressed input; `generated_ids` is what the ids begin with that were made for its requests. */
  input: { path: string; sha256: string; requests: number; bytes: number; generated_ids?: string };
  /** Folder of the outputs. */
  output: string;
  betas: string[];
  created_at: string;
  /** The ended job whose outcomes it takes over. */
  earlier?: EarlierJob;
}

/** A job that has ended, and what another one takes from it. */
export interface EarlierJob {
  job_id: string;
  /** Folder of its outputs. */
  output: string;
  /** Of a retry: which outcomes are sent again. Absent where requests are compared with those of an input. */
  only?: OldOutcome[];
  /** Of a retry: the attempts so far, the earlier job being the last of them. */
  attempts?: ReportedAttempt[];
}

/** `ended.json` of a part: the API's last word on its batch. */
export interface EndedRecord {
  batch_id: string;
  created_at: string;
  ended_at: string;
  counts: { processing: number; succeeded: number; errored: number; canceled: number; expired: number };
}

/** `split-0003.claim.json`: the numbers that the halves of a part will have. */
interface SplitClaim {
  numbers: [number, number];
}

/** `deleted.json`: what became of the wish to delete the batches at the API. */
export interface DeletedRecord {
  at: string;
  /** Those that are not there any more. */
  batches: string[];
  /** Why none was deleted. */
  kept_because?: string;
}

const PLAIN_ID = /^[\w-][\w.-]{0,99}$/;
/** File systems take names of at most 255 bytes. */
const LONGEST_NAME = 200;

/**
 * The name of a job's folder. A job id may be a workflow id of somebody's own making, with slashes or dots: none leads
 * out of the folder that holds the jobs' folders, and no two ids have the same name.
 */
export function jobFolderName(jobId: string): string {
  if (PLAIN_ID.test(jobId)) return jobId;
  // As UTF-8 has it: half a surrogate pair cannot be encoded. `%` is what no other id comes to.
  const text = Buffer.from(jobId).toString();
  const name = encodeURIComponent(text).replaceAll('*', '%2A').replaceAll('~', '%7E').replace(/^\./, '%2E') || '%';
  if (name.length <= LONGEST_NAME) return name;
  const hash = createHash('sha256').update(jobId).digest('hex').slice(0, 32);
  return `${name.slice(0, LONGEST_NAME - hash.length - 1)}~${hash}`;
}

export class JobFolder {
  readonly folder: string;

  constructor(
    storageRoot: string,
    readonly jobId: string,
    readonly records: RecordStore = syncedRecords,
  ) {
    this.folder = joinLocation(storageRoot, 'jobs', jobFolderName(jobId));
  }

  readJob(): Promise<JobRecord | undefined> {
    return this.records.read(joinLocation(this.folder, 'job.json'));
  }

  /** @returns false where the job has a record already (which may be of other input). */
  createJob(job: JobRecord): Promise<boolean> {
    return this.records.create(joinLocation(this.folder, 'job.json'), job);
  }

  /** The plan of a round, with the splits of its parts. */
  /** Adds to the record of a job that was not planned yet. */
  amendJob(job: JobRecord): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'job.json'), job);
  }

  async readPlan(round: number): Promise<RoundPlan | undefined> {
    const folder = this.roundFolder(round);
    const plan = await this.records.read<RoundPlan>(joinLocation(folder, 'plan.json'));
    return plan && withSplits(plan, await readSplitsIn(folder, (path) => this.records.read<SplitRecord>(path)));
  }

  /**
   * Settles which numbers the halves of a part have. The first to come settle it; of two parts no number is the same.
   * @returns undefined where another part's halves have one of these.
   */
  async claimNumbers(round: number, part: number, numbers: [number, number]): Promise<[number, number] | undefined> {
    const path = joinLocation(this.roundFolder(round), `split-${fourDigits(part)}.claim.json`);
    const settled = await this.records.read<SplitClaim>(path);
    if (settled) return settled.numbers;
    for (const number of numbers) if (!(await this.claimNumber(round, number, part))) return undefined;
    if (await this.records.create(path, { numbers } satisfies SplitClaim)) return numbers;
    return (await this.records.read<SplitClaim>(path))?.numbers;
  }

  private async claimNumber(round: number, number: number, splitOf: number): Promise<boolean> {
    const path = joinLocation(this.roundFolder(round), `number-${fourDigits(number)}.json`);
    if (await this.records.create(path, { split_of: splitOf })) return true;
    return (await this.records.read<{ split_of: number }>(path))?.split_of === splitOf;
  }

  /** Remembers that a part was split, once its halves are there. @returns what holds: that of the first who did. */
  async recordSplit(round: number, split: SplitRecord): Promise<SplitRecord> {
    const path = joinLocation(this.roundFolder(round), splitFileName(split.part));
    if (await this.records.create(path, split)) return split;
    return (await this.records.read<SplitRecord>(path)) ?? split;
  }

  async writePlan(plan: RoundPlan): Promise<void> {
    await this.records.create(joinLocation(this.roundFolder(plan.round), 'plan.json'), plan);
  }

  /** Remembers that a cancel was asked for, so that no later run pays for parts that were not sent. */
  async requestCancel(at: Date): Promise<void> {
    await this.records.create(joinLocation(this.folder, 'cancel.json'), { requested_at: at.toISOString() });
  }

  async cancelRequested(): Promise<boolean> {
    return (await this.records.read(joinLocation(this.folder, 'cancel.json'))) !== undefined;
  }

  part(round: number, part: number): PartRecords {
    return new PartRecords(joinLocation(this.roundFolder(round), `part-${fourDigits(part)}`), this.records);
  }

  readReport(): Promise<JobReport | undefined> {
    return this.records.read(joinLocation(this.folder, 'report.json'));
  }

  writeReport(report: JobReport): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'report.json'), report);
  }

  /** What the job may cost, and the other settings that can be changed while it runs: a later run of it that is told nothing goes on with them. */
  readSettings(): Promise<JobSettings | undefined> {
    return this.records.read(joinLocation(this.folder, 'settings.json'));
  }

  writeSettings(settings: JobSettings): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'settings.json'), settings);
  }

  /** What the job's follow-ups are. */
  readFollowUps(): Promise<FollowUpOptions | undefined> {
    return this.records.read(joinLocation(this.folder, 'follow-ups.json'));
  }

  /** @returns false where the job has some already. */
  createFollowUps(options: FollowUpOptions): Promise<boolean> {
    return this.records.create(joinLocation(this.folder, 'follow-ups.json'), options);
  }

  readDeleted(): Promise<DeletedRecord | undefined> {
    return this.records.read(joinLocation(this.folder, 'deleted.json'));
  }

  writeDeleted(deleted: DeletedRecord): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'deleted.json'), deleted);
  }

  private roundFolder(round: number): string {
    return joinLocation(this.folder, `round-${String(round).padStart(2, '0')}`);
  }
}

/** The records of one part, which is one message batch. */
export class PartRecords {
  readonly creates: CreateRecords;

  constructor(
    private readonly folder: string,
    private readonly records: RecordStore,
  ) {
    this.creates = new CreateRecords(folder, records);
  }

  readEnded(): Promise<EndedRecord | undefined> {
    return this.records.read(joinLocation(this.folder, 'ended.json'));
  }

  writeEnded(ended: EndedRecord): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'ended.json'), ended);
  }

  /** The part's own report: the mark that its results are stored and held against its requests. */
  readReport(): Promise<BatchReport | undefined> {
    return this.records.read(joinLocation(this.folder, 'part.json'));
  }

  writeReport(report: BatchReport): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'part.json'), report);
  }
}

function fourDigits(number: number): string {
  return String(number).padStart(4, '0');
}
