import type { FollowUpPage, ListedFollowUp } from '../activities';
import type { DataReference } from '../contract';

/** A shard's list, page by page; while one is started, the next one is fetched. */
export class FollowUpPages {
  /** No further one is to be taken. */
  isExhausted = false;
  private inputs: ListedFollowUp[] = [];
  private taken = 0;
  private current: DataReference;
  private next?: DataReference;
  private ahead?: Promise<FollowUpPage>;
  private loading?: Promise<void>;

  /**
   * @param fetch reads a page.
   * @param start where it begins.
   * @param onPage told of each page that comes up, in order.
   */
  constructor(
    private readonly fetch: (list: DataReference) => Promise<FollowUpPage>,
    start: DataReference,
    private readonly onPage: (page: FollowUpPage) => void,
  ) {
    this.current = this.next = start;
  }

  /** From the page that is being started. */
  get list(): DataReference {
    return this.current;
  }

  /** The next input where it is here; what is not is to be waited for by `load`. */
  take(): ListedFollowUp | undefined {
    const input = this.inputs[this.taken];
    if (input) this.taken++;
    // The last one was just taken: nobody has to ask again to know.
    if (this.taken >= this.inputs.length && !this.next) this.isExhausted = true;
    return input;
  }

  /** Brings the next page up. Whoever waits, waits for the same. */
  load(): Promise<void> {
    this.loading ??= this.turn().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async turn(): Promise<void> {
    while (this.taken >= this.inputs.length && this.next) {
      const list = this.next;
      const page = await (this.ahead ?? this.fetch(list));
      this.onPage(page);
      this.inputs = page.inputs;
      this.taken = 0;
      this.current = list;
      this.next = page.next;
      this.ahead = page.next && this.fetch(page.next);
      // Whoever awaits it hears of a failure.
      this.ahead?.catch(() => undefined);
    }
    if (this.taken >= this.inputs.length) this.isExhausted = true;
  }
}
