import type { FollowUpInput, FollowUpOptions, FollowUpSliceInput } from '../../../src/contract';
import { followUpFiles, type PartFolder, partFolder, readListPage, selectFollowUps } from '../../../src/jobs';

export type ListLine = FollowUpInput | FollowUpSliceInput;

export interface Selecting {
  options?: Partial<FollowUpOptions>;
  withoutRetryable?: boolean;
  round?: number;
  part?: number;
}

/** Selects follow-ups of a part of job `j`. */
export async function select(work: string, requests: number, { options, withoutRetryable = false, round = 1, part = 1 }: Selecting = {}) {
  const folder = partFolder(work, round, part);
  const common = { jobId: 'j', round, part, activityTaskQueue: 'files' };
  return selectFollowUps({ partFolder: folder, requests, options: { workflow: 'any', ...options }, withoutRetryable, common });
}

/** All lines of a shard's list, as a shard reads them: page by page. @param withoutEnded leaves out those with an end on record. */
export async function listed(folder: PartFolder, shard: { offset: number; length: number }, withoutEnded = false): Promise<{ lines: ListLine[]; pages: number; succeeded: number; failed: number }> {
  const read = { lines: [] as ListLine[], pages: 0, succeeded: 0, failed: 0 };
  for (let next: Parameters<typeof readListPage>[0] | undefined = { uri: followUpFiles(folder).list, offset: shard.offset, length: shard.length }; next; read.pages++) {
    const page = await readListPage(next, withoutEnded ? folder : undefined);
    read.lines.push(...page.inputs);
    read.succeeded += page.recorded?.succeeded ?? 0;
    read.failed += page.recorded?.failed ?? 0;
    next = page.next;
  }
  return read;
}

/** Selects, and gives the custom_ids that are on the list. */
export async function selectedIds(work: string, requests: number, selecting: Selecting = {}): Promise<string[]> {
  const folder = partFolder(work, selecting.round ?? 1, selecting.part ?? 1);
  const ids: string[] = [];
  for (const shard of await select(work, requests, selecting)) ids.push(...(await listed(folder, shard)).lines.map((line) => (line as FollowUpInput).customId));
  return ids;
}
