/**
 * The job folder: what was paid, remembered outside Temporal (whose histories are deleted after a while,
 * and whose database can be set back). Every record is small, synced, and keyed by job, round and part.
 */
import { createHash } from 'node:crypto';
import type { BatchReport, JobReport } from '../contract';
import { joinLocation } from '../storage';
import { CreateRecords } from './create-records';
import type { RoundPlan } from './round-plan';
import type { RecordStore } from './record-store';
import { syncedRecords } from './record-store';

/** `job.json`: what the job is. Written first, never changed. */
export interface JobRecord {
  format: 1;
  job_id: string;
  simulated: boolean;
  account: { label: string; base_url: string };
  /** `bytes` and `sha256` are those of the decompressed input. */
  input: { path: string; sha256: string; requests: number; bytes: number };
  /** Folder of the outputs. */
  output: string;
  betas: string[];
  created_at: string;
}

/** `ended.json` of a part: the API's last word on its batch. */
export interface EndedRecord {
  batch_id: string;
  created_at: string;
  ended_at: string;
  counts: { processing: number; succeeded: number; errored: number; canceled: number; expired: number };
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

  readPlan(round: number): Promise<RoundPlan | undefined> {
    return this.records.read(joinLocation(this.roundFolder(round), 'plan.json'));
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
    return new PartRecords(joinLocation(this.roundFolder(round), `part-${String(part).padStart(4, '0')}`), this.records);
  }

  readReport(): Promise<JobReport | undefined> {
    return this.records.read(joinLocation(this.folder, 'report.json'));
  }

  writeReport(report: JobReport): Promise<void> {
    return this.records.replace(joinLocation(this.folder, 'report.json'), report);
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
