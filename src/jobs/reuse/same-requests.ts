import { InputError } from '../input-error';
import { outputFolder } from '../output-folder';
import { hashOfRequest } from '../request-hash';
import type { PlannedRequest, RequestSource } from '../request-source';
import type { EndedJob } from './ended-job';
import { HashTable } from './hash-table';
import { readRequestsIndex } from './requests-index';
import { ReusedRequests } from './reused-requests';

/** Outcomes that sending the same request again would not change, or would pay for again. */
const TAKEN = new Set(['succeeded', 'errored_final', 'missing']);

/** The hashes of a job's requests; undefined where an older release has written its outputs. @throws StorageError */
export function hashesOf(old: EndedJob): Promise<Buffer | undefined> {
  return readRequestsIndex(outputFolder(old.report.output).requestsIndex, old.requests);
}

/**
 * Requests of an input that an ended job has had too: with the same custom_id and the same params, byte for byte. Those that are
 * settled there are not sent again. About 23 bytes a request of that job, and 8 of each that is taken over.
 */
export class SameRequests {
  private constructor(
    private readonly table: HashTable,
    /** By the position in the earlier job: 0 where it is sent again, 1 where it has succeeded, 2 for what else is taken over. */
    private readonly settled: Uint8Array,
    readonly reused: ReusedRequests,
  ) {}

  /** @throws InputError `earlier_job_not_found` where the job left no hashes; StorageError. */
  static async find(old: EndedJob, workFolder: string): Promise<SameRequests> {
    const hashes = await hashesOf(old);
    if (!hashes) {
      const { requestsIndex } = outputFolder(old.report.output);
      throw new InputError('earlier_job_not_found', `${requestsIndex} is not there, or is not of this job: nobody knows which requests were the same.`, 'Outputs of older releases have none. Send the whole input without --reuse, or retry what is left of that job.');
    }
    const settled = new Uint8Array(old.requests);
    for await (const requests of old.outcomes()) {
      for (const { position, outcome } of requests) if (TAKEN.has(outcome)) settled[position] = outcome === 'succeeded' ? 1 : 2;
    }
    return new SameRequests(new HashTable(hashes), settled, await ReusedRequests.begin(workFolder, old.report.job_id, hashes));
  }

  /** The source without the requests that are settled, which are collected in `reused`. */
  without(source: RequestSource): RequestSource {
    return { requests: () => this.sent(source), facts: () => source.facts() };
  }

  private async *sent(source: RequestSource): AsyncGenerator<PlannedRequest[], void, undefined> {
    this.table.reset();
    this.reused.reset();
    for await (const requests of source.requests()) {
      const left: PlannedRequest[] = [];
      for (const request of requests) if (!(await this.takes(request))) left.push(request);
      if (left.length > 0) yield left;
    }
  }

  private async takes({ ordinal, line, request }: PlannedRequest): Promise<boolean> {
    // Its result would carry an id that was made for it there, and may be that of another request here.
    if (request.own && request.own.text === undefined) return false;
    const position = this.table.take(hashOfRequest(request));
    if (position === -1 || this.settled[position] === 0) return false;
    await this.reused.add(ordinal, position, this.settled[position] === 1, line);
    return true;
  }
}
