/** What is told of a job to those who asked for it, and the memory of what was told. */
import { createHash } from 'node:crypto';
import type { Attention, JobReport } from '../contract';
import { joinLocation } from '../storage';
import type { JobFolder } from './job-folder';

/** The job has ended, or it waits for a person. */
export type NoticeEvent = 'ended' | 'paused';

/** What a URL gets as the body of a POST, and a command on its standard input. Names are those of our files. */
export interface Notice {
  /** The same for the same event however often it is told, so that who is told can drop repeats. */
  id: string;
  event: NoticeEvent;
  job_id: string;
  /** Of a pause: ISO time since when. */
  since?: string;
  /** Of a pause: why. Absent where somebody asked for it. */
  attention?: Attention;
  /** Of an end: `report.json`. */
  report?: JobReport;
}

/** @param since tells two pauses of a job apart. */
export function noticeOf(jobId: string, event: NoticeEvent, { since, attention, report }: Pick<Notice, 'since' | 'attention' | 'report'>): Notice {
  return {
    id: `notice_${shortHash([jobId, event, since ?? ''])}`,
    event,
    job_id: jobId,
    ...(since !== undefined && { since }),
    ...(attention && { attention }),
    ...(report && { report }),
  };
}

/** Which events were told to whom. A record is written after the telling: who dies in between tells it once more. */
export class NoticeRecords {
  constructor(private readonly job: JobFolder) {}

  async told(notice: Notice, target: string): Promise<boolean> {
    return (await this.job.records.read(this.path(notice, target))) !== undefined;
  }

  async remember({ id, event, since }: Notice, target: string, at: Date): Promise<void> {
    await this.job.records.create(this.path({ id, event }, target), { id, event, ...(since !== undefined && { since }), told_at: at.toISOString() });
  }

  /** A target is not written down: a URL may be a secret. */
  private path({ id, event }: Pick<Notice, 'id' | 'event'>, target: string): string {
    return joinLocation(this.job.folder, 'notices', `${event}-${shortHash([id, target])}.json`);
  }
}

function shortHash(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24);
}
