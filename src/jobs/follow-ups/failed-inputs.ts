/** What follow-ups are started with that run again after their job has ended. */
import type { FollowUpInput } from '../../contract';
import type { PassOptions } from '../progress';
import { ReferencedFiles } from './read-together';
import type { WantedResults } from './wanted-results';

/** A result by its id, and the part that its batch was. */
export interface FailedResult extends Pick<FollowUpInput, 'round' | 'part'> {
  customId: string;
}

export interface FailedInputsOptions extends Pick<FollowUpInput, 'jobId' | 'activityTaskQueue'>, Pick<PassOptions, 'signal'> {
  /** Location of the job's results. */
  results: string;
  /** Location of the copy of their requests. */
  requests: string;
}

/** Requests are read together, those of so many bytes: in S3 each read takes tens of milliseconds. */
const TOGETHER_BYTES = 4 * 1024 * 1024;

/** Makes inputs of results whose places, and those of their requests, are known. Close it. */
export class FailedInputs {
  private readonly files = new ReferencedFiles();

  constructor(
    private readonly options: FailedInputsOptions,
    private readonly wanted: WantedResults,
  ) {}

  /** Of each of these results, in the same order. @throws the reason of the signal, as it is; StorageError */
  async *of(failed: readonly FailedResult[]): AsyncGenerator<FollowUpInput, void, undefined> {
    const { jobId, activityTaskQueue, results, requests: uri, signal } = this.options;
    for (const some of this.together(failed)) {
      signal?.throwIfAborted();
      const requests = some.map(({ customId }) => ({ uri, ...this.wanted.requestOf(customId)! }));
      const lines = await this.files.read(requests);
      for (const [index, { customId, round, part }] of some.entries()) {
        const { outcome, ...place } = this.wanted.resultOf(customId)!;
        yield { jobId, round, part, activityTaskQueue, customId, outcome, metadata: metadataOf(lines[index]!), result: { uri: results, ...place }, request: requests[index]! };
      }
    }
  }

  close(): Promise<void> {
    return this.files.close();
  }

  private *together(failed: readonly FailedResult[]): Generator<FailedResult[], void, undefined> {
    let some: FailedResult[] = [];
    let bytes = 0;
    for (const each of failed) {
      const { length } = this.wanted.requestOf(each.customId)!;
      if (some.length > 0 && bytes + length > TOGETHER_BYTES) {
        yield some;
        [some, bytes] = [[], 0];
      }
      some.push(each);
      bytes += length;
    }
    if (some.length > 0) yield some;
  }
}

function metadataOf(request: Buffer): Record<string, unknown> {
  const { metadata = {} } = JSON.parse(request.toString('utf8')) as { metadata?: Record<string, unknown> };
  return metadata;
}
