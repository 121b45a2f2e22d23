/** The API as activities call it: every call waits for its place in the account's calls per minute, and tells what its answer says of them. */
import { asyncLocalStorage } from '@temporalio/activity';
import { ApiError, type MessageBatch, type MessageBatchesApi, type MessageBatchesPage, RateLimitError, type ResponseHeaders } from '../api';
import type { CallPace } from '../jobs';

/** The calls that activities make. */
export type ActivityApi = Pick<MessageBatchesApi, 'create' | 'retrieve' | 'list' | 'listAll' | 'cancel' | 'delete' | 'results' | 'close'>;

const LIMIT_HEADER = 'anthropic-ratelimit-requests-limit';

/**
 * How long a create waits for its place, ms: less than the time after which its claim counts as idle. What is not sent then has
 * left no trace, and is tried again.
 */
const LONGEST_WAIT_FOR_CREATE_MS = 25_000;

/** Waits for the place of a create, which goes before other calls of this worker. @returns false where there was none in time */
export async function placeForCreate(pace: CallPace | undefined): Promise<boolean> {
  const tooLate = AbortSignal.timeout(LONGEST_WAIT_FOR_CREATE_MS);
  const stopped = cancellation();
  try {
    await pace?.place({ first: true, signal: stopped ? AbortSignal.any([stopped, tooLate]) : tooLate });
    return true;
  } catch (error) {
    if (stopped?.aborted || !tooLate.aborted) throw error;
    return false;
  }
}

/** Calls wait no longer than their signal, and the activity that makes them, allow. */
export class PacedApi implements ActivityApi {
  constructor(
    private readonly api: MessageBatchesApi,
    private readonly pace: CallPace,
  ) {}

  /** Takes no place: its deadline counts from its intent, so that the place is taken before that (`placeForCreate`). */
  create(...[body, options]: Parameters<ActivityApi['create']>): ReturnType<ActivityApi['create']> {
    return this.listen(this.api.create(body, options), true);
  }

  retrieve(...[id, options]: Parameters<ActivityApi['retrieve']>): ReturnType<ActivityApi['retrieve']> {
    return this.inTurn(options?.signal, () => this.api.retrieve(id, options));
  }

  list(...[params, options]: Parameters<ActivityApi['list']>): ReturnType<ActivityApi['list']> {
    return this.inTurn(options?.signal, () => this.api.list(params, options));
  }

  async *listAll(...[params, options]: Parameters<ActivityApi['listAll']>): AsyncGenerator<MessageBatch, void, undefined> {
    for (let page: MessageBatchesPage = await this.list(params, options); ; ) {
      yield* page.data.data;
      if (!page.hasNextPage()) return;
      const last = page;
      page = await this.inTurn(options?.signal, () => last.getNextPage());
    }
  }

  cancel(...[id, options]: Parameters<ActivityApi['cancel']>): ReturnType<ActivityApi['cancel']> {
    return this.inTurn(options?.signal, () => this.api.cancel(id, options));
  }

  delete(...[id, options]: Parameters<ActivityApi['delete']>): ReturnType<ActivityApi['delete']> {
    return this.inTurn(options?.signal, () => this.api.delete(id, options));
  }

  results(...[id, options]: Parameters<ActivityApi['results']>): ReturnType<ActivityApi['results']> {
    return this.inTurn(options?.signal, () => this.api.results(id, options));
  }

  close(): Promise<void> {
    return this.api.close();
  }

  private async inTurn<T extends { headers: ResponseHeaders }>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    await this.pace.place({ signal: signal ?? cancellation() });
    return this.listen(call(), false);
  }

  private async listen<T extends { headers: ResponseHeaders }>(answered: Promise<T>, isCreate: boolean): Promise<T> {
    try {
      const answer = await answered;
      await this.learn(answer.headers);
      return answer;
    } catch (error) {
      if (error instanceof ApiError) await this.learn(error.headers);
      if (error instanceof RateLimitError && error.retryAfterMs !== undefined && !error.isSpendLimit && (!isCreate || isRateOfCalls(error))) {
        await this.pace.pause(error.retryAfterMs);
      }
      throw error;
    }
  }

  private async learn(headers: ResponseHeaders): Promise<void> {
    if (headers[LIMIT_HEADER] !== undefined) await this.pace.learnCallsPerMinute(Number(headers[LIMIT_HEADER]));
  }
}

/**
 * Two limits answer 429 to a create: calls a minute, and requests in the processing queue. No code tells them apart, so it is the first where
 * its own header says that no call is left, or the words say so.
 */
export function isRateOfCalls({ headers, message }: RateLimitError): boolean {
  return headers['anthropic-ratelimit-requests-remaining'] === '0' || /per minute/i.test(message);
}

/** Of the activity that runs this, where one does. */
function cancellation(): AbortSignal | undefined {
  return asyncLocalStorage.getStore()?.cancellationSignal;
}
