/** What follow-ups are started with that run again after their job has ended. */
import { CUSTOM_ID_PATTERN, type FollowUpInput } from '../../contract';
import { ReferencedFiles } from './read-together';
import type { WantedResults } from './wanted-results';

/** A result by its id, and the part that its batch was. */
export interface FailedResult extends Pick<FollowUpInput, 'round' | 'part'> {
  customId: string;
}

export interface FailedInputsOptions extends Pick<FollowUpInput, 'jobId' | 'activityTaskQueue'> {
  /** Location of the job's results. */
  results: string;
  /** Location of the copy of their requests. */
  requests: string;
}

/** Requests are read together, those of so many bytes: in S3 each read takes tens of milliseconds. */
const TOGETHER_BYTES = 4 * 1024 * 1024;

/** Makes inputs of results whose places are known. Close it. */
export class FailedInputs {
  private readonly files = new ReferencedFiles();

  constructor(
    private readonly options: FailedInputsOptions,
    private readonly wanted: WantedResults,
    /** Tells of a result that was not found. */
    private readonly refuse: (customId: string) => Error,
  ) {}

  /** Of each of these results, in the same order. */
  async *of(failed: readonly FailedResult[]): AsyncGenerator<FollowUpInput, void, undefined> {
    const { jobId, activityTaskQueue, results, requests: uri } = this.options;
    for (const some of this.together(failed)) {
      const requests = some.map(({ customId }) => ({ uri, ...this.wanted.requestOf(customId)! }));
      const lines = await this.files.read(requests);
      for (const [index, { customId, round, part }] of some.entries()) {
        const { outcome, ...place } = this.wanted.resultOf(customId)!;
        yield { jobId, round, part, activityTaskQueue, customId, outcome, metadata: metadataOf(lines[index]!, customId), result: { uri: results, ...place }, request: requests[index]! };
      }
    }
  }

  close(): Promise<void> {
    return this.files.close();
  }

  /** @throws what `refuse` makes of a result that was not found */
  private *together(failed: readonly FailedResult[]): Generator<FailedResult[], void, undefined> {
    let some: FailedResult[] = [];
    let bytes = 0;
    for (const each of failed) {
      if (!this.wanted.resultOf(each.customId)) throw this.refuse(each.customId);
      const request = this.wanted.requestOf(each.customId);
      if (!request) throw new Error(`There is no request ${each.customId} in the input`);
      if (some.length > 0 && bytes + request.length > TOGETHER_BYTES) {
        yield some;
        [some, bytes] = [[], 0];
      }
      some.push(each);
      bytes += request.length;
    }
    if (some.length > 0) yield some;
  }
}

/** @throws Error where two ids have one hash (the next attempt has other hashes) */
function metadataOf(line: Buffer, customId: string): Record<string, unknown> {
  const request = JSON.parse(line.toString('utf8')) as { custom_id?: unknown; metadata?: Record<string, unknown> | null };
  const { custom_id: id, metadata } = request;
  // Other ids are made by us, or stand for one that the API would refuse.
  if (typeof id === 'string' && CUSTOM_ID_PATTERN.test(id) && id !== customId) throw new Error(`Request ${id} was taken for ${customId}`);
  return metadata ?? {};
}
