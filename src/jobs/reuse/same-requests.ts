import { InputError } from '../input-error';
import { outputFolder } from '../output-folder';
import { hashOfRequest } from '../request-hash';
import type { PlannedRequest, RequestSource } from '../request-source';
import { customIdOf } from '../results/custom-id';
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
    private readonly old: EndedJob,
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
    return new SameRequests(old, new HashTable(hashes), settled, await ReusedRequests.begin(workFolder, old.report.job_id, hashes));
  }

  /** The source without the requests that are settled, which are collected in `reused`. */
  without(source: RequestSource): RequestSource {
    return { requests: () => this.sent(source), facts: () => source.facts() };
  }

  private async *sent(source: RequestSource): AsyncGenerator<PlannedRequest[], void, undefined> {
    this.table.reset();
    this.reused.reset();
    for await (const requests of source.requests()) {
      const found = requests.map((request) => this.positionOf(request));
      const isOther = await this.others(requests, found);
      const left: PlannedRequest[] = [];
      for (const [index, request] of requests.entries()) {
        const position = found[index]!;
        if (position === -1 || isOther.has(index)) left.push(request);
        else await this.reused.add(request.ordinal, position, this.settled[position] === 1, request.line);
      }
      if (left.length > 0) yield left;
    }
  }

  /** @returns where the same request stood in the earlier job and was settled, or -1. */
  private positionOf({ request }: PlannedRequest): number {
    // Its result would carry an id that was made for it there, and may be that of another request here.
    if (request.own && request.own.text === undefined) return -1;
    const position = this.table.take(hashOfRequest(request));
    return position !== -1 && this.settled[position] !== 0 ? position : -1;
  }

  /**
   * Hashes can be made that are the same, and requests.index is not proved as the results are: a result is taken only by the request
   * whose id it has.
   * @returns the indices of those whose result has another id.
   */
  private async others(requests: readonly PlannedRequest[], found: readonly number[]): Promise<Set<number>> {
    const indices = [...found.keys()].filter((index) => found[index] !== -1);
    const places = (await this.old.ofPositions(Uint32Array.from(indices, (index) => found[index]!))).map(({ place }) => place);
    const results = await this.old.resultsAt(places);
    const others = new Set<number>();
    for (const [at, index] of indices.entries()) {
      const result = results[at];
      const { own, customId } = requests[index]!.request;
      if (result && customIdOf(result) !== (own?.text ?? customId)) others.add(index);
    }
    return others;
  }
}
