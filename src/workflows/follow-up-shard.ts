import { allHandlersFinished, ApplicationFailure, CancelledFailure, CancellationScope, condition, continueAsNew, getExternalWorkflowHandle, log, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { FollowUpEnd, FollowUpPage, FollowUpService, FollowUpShard, ListedFollowUp } from '../activities';
import type { Attention, DataReference, FollowUpCounts, FollowUpOptions, FollowUpShardChange } from '../contract';
import { followUpShardSignal, followUpShardStatusQuery, followUpWindowSignal, noFollowUps, resumeSignal, workflowIdOfFollowUp } from '../contract';
import { activities } from './activity-profiles';
import type { AttentionDesk } from './attention';
import { AttentionBoard } from './attention-board';
import type { FirstReleaseShardInput } from './first-release-follow-ups';
import { runFirstReleaseShard } from './first-release-follow-ups';
import { FollowUpPages } from './follow-up-pages';
import type { EndsTotal } from './follow-up-records';
import { FollowUpRecords } from './follow-up-records';
import { FollowUpRuns, isAnswer } from './follow-up-runs';
import { ServiceWatch } from './follow-up-service';
import { eventsLeft, historyIsFull, LARGEST_VALUES_IN_A_HISTORY, leavesRoom, TAIL_PATIENCE_MS } from './follow-up-window';
import { UnbegunFollowUps } from './unbegun-follow-ups';

export interface FollowUpShardInput {
  shard: FollowUpShard;
  options: FollowUpOptions;
  activityTaskQueue: string;
  /** Of the batch that the results are from: what is found of another one does not count. Absent where the list says it of each, and from older releases. */
  batchId?: string;
  /** From 1, among the shards of whoever has started it. */
  number: number;
  /** How many follow-ups it may run at once. */
  window: number;
  /** No shard comes after it, so nobody waits for room. */
  isLast: boolean;
  /** Those whose last run did not complete run again: that was before this list was made. What is on record beside the list does not. */
  again?: boolean;
  /** One before it has grown too large: until it is known how much a follow-up returns, few run at once. */
  careful?: boolean;
  /** An earlier workflow of this id may have run some that are on no record: these do not run again. Costs a look at each. */
  begunBefore?: boolean;
  /** Carried along by continue-as-new. */
  resumed?: ShardCarriedState;
}

interface ShardCarriedState {
  /** From the page that was being started: without what is on record it begins with what was not begun. */
  list: DataReference;
  counts: FollowUpCounts;
  /** A worker was seen to serve them. */
  isServed: boolean;
  returned?: EndsTotal;
  /** What a person was told to see to, last. */
  attention?: Attention;
}

/** How long an end waits for others to be put on record with, in ms; where the history has little room, longer, and less than Temporal keeps it. */
const RECORD_AFTER_MS = 30_000;
const RECORD_LATE_MS = 6 * 3_600_000;
const LITTLE_ROOM_EVENTS = 900;

/** So many of the oldest that run are looked at, and of the newest, to see whether they are served. */
const LOOKED_AT = 3;

/** Of a run id, its random end: the beginning is the time, which runs of one shard can share. */
const RUN_ID_LENGTH = 12;

/**
 * Starts a child workflow for each of at most 1,000 results or slices, side by side in a bounded window; puts their ends on record, and
 * ends with counts. A failed follow-up is counted and stops nothing.
 *
 * Signals its parent how things stand (`followUpShardSignal`); query `status`. A cancel reaches all that run; a canceled shard tells
 * its counts and ends as Cancelled.
 */
export async function followUpShardWorkflow(input: FollowUpShardInput | FirstReleaseShardInput): Promise<FollowUpCounts> {
  if (!('window' in input)) return runFirstReleaseShard(input);
  const run = new ShardRun(input);
  run.listen();
  CancellationScope.current().cancelRequested.catch(() => run.cancel());
  const counts = await CancellationScope.nonCancellable(() => run.run());
  if (run.isCanceled) throw new CancelledFailure('The follow-ups were canceled');
  return counts;
}

class ShardRun {
  private readonly acts;
  private readonly counts: FollowUpCounts;
  private readonly runs: FollowUpRuns;
  private readonly unbegun: UnbegunFollowUps;
  private readonly board: AttentionBoard;
  /** Told where nobody serves them. */
  private readonly serviceDesk: AttentionDesk;
  private readonly records: FollowUpRecords;
  private readonly pages: FollowUpPages;
  private readonly service: ServiceWatch;
  /** Workflow ids of those that run, oldest first; of some only the end is waited for. */
  private readonly running = new Set<string>();
  private runners = 0;
  /** Places of the window that wait until it is known how much a follow-up returns. */
  private heldBack: number;
  /** So many runners begin. */
  private readonly first: number;
  private window: number;
  /** What one is started with, in bytes as JSON. */
  private readonly startBytes: number;
  private isRecordedSoon = false;
  /** The history is long: nothing more is started in this run. */
  private isFull = false;
  /** What a runner threw that is no end of a follow-up: the shard fails with it. */
  private failure?: ApplicationFailure;

  constructor(private readonly input: FollowUpShardInput) {
    const { shard, options, activityTaskQueue, batchId, window, resumed, again, begunBefore, careful = false } = input;
    this.acts = activities(activityTaskQueue);
    this.startBytes = (shard.list.length ?? 0) / Math.max(1, shard.count) + JSON.stringify(options.args ?? []).length;
    this.window = window;
    this.first = careful && !resumed?.returned?.ends ? Math.min(window, LARGEST_VALUES_IN_A_HISTORY) : window;
    this.heldBack = window - this.first;
    this.counts = resumed?.counts ?? { ...noFollowUps(), selected: shard.count };
    const unserved = resumed?.attention?.code === 'follow_up_unserved' ? resumed.attention : undefined;
    this.board = new AttentionBoard((attention) => this.tellParent({ attention: attention ? { code: attention.code, message: attention.message } : null }), resumed?.attention);
    this.serviceDesk = this.board.desk(unserved);
    this.records = new FollowUpRecords((number, ends) => this.board.untilDone(() => this.acts.recordFollowUps({ ref: shard.ref, name: this.recordName(number), ends })), resumed?.returned && { ...resumed.returned });
    // Of the first page of a later run, what is on record was counted before.
    let isCounted = resumed !== undefined;
    this.pages = new FollowUpPages(
      (list) => this.board.untilDone(() => this.acts.listFollowUps(list, shard.ref)),
      resumed?.list ?? shard.list,
      (page) => {
        if (!isCounted) this.countRecorded(page);
        isCounted = false;
      },
    );
    this.runs = new FollowUpRuns({
      options,
      batchId,
      again,
      begunBefore,
      startBytes: this.startBytes,
      endOfFound: (...found) => this.board.untilDone(() => this.acts.endOfFollowUp(...found), isAnswer),
      onStarted: () => this.counts.started++,
      onServed: () => this.service.seenServed(),
    });
    this.unbegun = new UnbegunFollowUps((workflowIds) => this.board.untilDone(() => this.acts.closeUnserved(workflowIds)));
    this.service = new ServiceWatch(
      {
        ask: (isServed) => this.askForService(isServed),
        running: () => this.running.size,
        eventsLeft: () => this.eventsLeft(),
        onService: (message) => void this.tellService(message),
      },
      { isServed: resumed?.isServed ?? false, message: unserved?.message },
    );
  }

  get isCanceled(): boolean {
    return this.runs.isCanceled;
  }

  listen(): void {
    setHandler(followUpShardStatusQuery, () => this.counts, { description: 'How many follow-ups are selected, started, done, failed' });
    setHandler(resumeSignal, () => this.resume(), { description: 'Look again at once at what waits for a person' });
    setHandler(followUpWindowSignal, (window) => this.widen(window), { description: 'From the batch: so many may run at once' });
  }

  cancel(): void {
    this.runs.cancel();
    this.service.cancel();
    this.board.resume();
  }

  private resume(): void {
    this.board.resume();
    this.service.resume();
  }

  private widen(window: number): void {
    // Runners that are more than there are follow-ups end by themselves.
    void CancellationScope.nonCancellable(async () => {
      const more = window - this.window;
      this.window = Math.max(this.window, window);
      if (this.heldBack > 0) this.heldBack += Math.max(0, more);
      else this.startRunners(more);
    });
  }

  async run(): Promise<FollowUpCounts> {
    void this.board.update();
    this.startRunners(this.first);
    void this.service.watch().catch((error: unknown) => this.failed(error));
    if (!this.input.isLast) void this.tellOfRoom().catch((error: unknown) => this.failed(error));
    await condition(() => this.runners === 0 || this.isCanceled);
    if (this.runners > 0) await this.service.untilEnded(() => this.unbegun.close(this.running)).catch((error: unknown) => this.failed(error));
    await this.records.flush().catch((error: unknown) => this.failed(error));
    if (this.goesOn) {
      await condition(allHandlersFinished);
      // What is not on its way yet would be lost with this run.
      await this.board.told();
      // Not where a cancel has come meanwhile: the next run would know nothing of it.
      if (this.goesOn) return this.continueAsNew();
    }
    // Temporal hands nothing on of a workflow that ends as Cancelled, or fails.
    if (this.isCanceled) await this.tellParent({ canceled: this.counts });
    if (this.failure) throw this.failure;
    return this.counts;
  }

  /** In a new run. */
  private get goesOn(): boolean {
    return this.isFull && !this.pages.isExhausted && !this.isCanceled && !this.failure;
  }

  private startRunners(count: number): void {
    for (let started = 0; started < count; started++) void this.runner();
  }

  /** One place of the window: one follow-up after another. */
  private async runner(): Promise<void> {
    this.runners++;
    try {
      for (let input = await this.next(); input; input = await this.next()) await this.runOne(input);
    } catch (error) {
      this.failed(error);
    } finally {
      this.runners--;
    }
  }

  /** Nothing more is started, and the shard fails once those that run have ended. A person is told at once, as they can take long. */
  private failed(fault: unknown): void {
    if (this.failure) return;
    const { message } = fault instanceof Error ? fault : new Error(String(fault));
    this.failure = ApplicationFailure.create({ message, type: 'Unexpected', nonRetryable: true, cause: fault instanceof Error ? fault : undefined });
    // Where the workflow task itself has failed, nothing can be told any more: the task is done again.
    void this.board.desk().tell('unexpected', `A shard of follow-ups starts no more of them: ${message}`).catch(() => undefined);
  }

  private async next(): Promise<ListedFollowUp | undefined> {
    for (;;) {
      if (this.isCanceled || this.failure) return undefined;
      if (this.pages.isExhausted) return undefined;
      this.isFull ||= this.historyIsFull();
      if (this.isFull) return undefined;
      const input = this.pages.take();
      if (input) {
        // At once: others ask for theirs before this one is seen to begin, and how full the history gets is told by those that run.
        this.running.add(workflowIdOfFollowUp(input));
        return input;
      }
      await this.pages.load();
    }
  }

  private historyIsFull(): boolean {
    const { historyLength: events, historySize: bytes } = workflowInfo();
    // An end stands in the history twice: as it comes, and as it is put on record.
    return historyIsFull({ events, bytes }, this.running.size, this.startBytes + 2 * this.records.meanBytes);
  }

  private eventsLeft(): number {
    return eventsLeft(workflowInfo().historyLength, this.running.size);
  }

  private async runOne(input: ListedFollowUp): Promise<void> {
    const workflowId = workflowIdOfFollowUp(input);
    try {
      const seen = await this.runs.end(input);
      if (!seen) return;
      const { failureBytes, ...end } = seen;
      // Terminated because no worker could answer the cancel, it is one that was canceled.
      if (end.status === 'terminated') await this.unbegun.closing;
      const isClosed = end.status === 'terminated' && this.unbegun.isClosed(workflowId);
      this.ended(isClosed ? { workflowId, status: 'canceled' } : end, failureBytes);
    } finally {
      // Also where its end cannot be told: nobody is to wait for it.
      this.running.delete(workflowId);
    }
  }

  private ended(end: FollowUpEnd, failureBytes?: number): void {
    if (end.status === 'completed') this.counts.succeeded++;
    else this.counts.failed++;
    this.records.add(end, failureBytes);
    this.startRunners(this.heldBack);
    this.heldBack = 0;
    this.recordSoon();
  }

  /** Those that end while others take long are on record before Temporal forgets them. */
  private recordSoon(): void {
    if (this.isRecordedSoon) return;
    this.isRecordedSoon = true;
    void sleep(this.eventsLeft() < LITTLE_ROOM_EVENTS ? RECORD_LATE_MS : RECORD_AFTER_MS).then(() => {
      this.isRecordedSoon = false;
      this.records.begin();
    });
  }

  /** Tells the batch, once, that so few run that the next shard can begin; where those take long, it is content with less room. */
  private async tellOfRoom(): Promise<void> {
    await condition(() => this.pages.isExhausted && !this.isFull);
    const leaves = (waitedMs: number) => (): boolean => leavesRoom(this.running.size, this.window, waitedMs);
    if (!(await condition(leaves(0), TAIL_PATIENCE_MS))) await condition(leaves(TAIL_PATIENCE_MS));
    // Ended, it needs to tell nothing.
    if (this.running.size > 0) await this.tellParent({ stillRunning: this.running.size });
  }

  private askForService(isServed: boolean): Promise<FollowUpService> {
    const { workflow, taskQueue } = this.input.options;
    const running = [...this.running];
    // The oldest may have begun with a worker that the newest no longer find.
    const workflowIds = [...new Set([...running.slice(0, LOOKED_AT), ...running.slice(-LOOKED_AT)])];
    return this.board.untilDone(() => this.acts.followUpService({ workflow, taskQueue: taskQueue ?? workflowInfo().taskQueue, workflowIds, ...(isServed && { isServed }) }));
  }

  private tellService(message: string | undefined): Promise<void> {
    const [first, ...others] = this.running;
    if (message === undefined) return this.serviceDesk.clear();
    if (!this.isCanceled || first === undefined) return this.serviceDesk.tell('follow_up_unserved', message);
    const those = others.length === 0 ? first : `${first} and ${others.length} more`;
    return this.serviceDesk.tell('cancel_unserved', `${message}: canceled follow-ups that had begun cannot end: ${those}`);
  }

  /** @returns false where it could not be told. */
  private async tellParent(change: Omit<FollowUpShardChange, 'shard'>): Promise<boolean> {
    const { parent } = workflowInfo();
    if (!parent) return true;
    const tell = (): Promise<void> => getExternalWorkflowHandle(parent.workflowId).signal(followUpShardSignal, { shard: this.input.number, ...change });
    try {
      await CancellationScope.nonCancellable(tell);
      return true;
    } catch (error) {
      log.warn('Whoever has started this shard of follow-ups could not be told', { error: String(error) });
      return false;
    }
  }

  private countRecorded({ recorded }: FollowUpPage): void {
    if (!recorded) return;
    this.counts.started += recorded.succeeded + recorded.failed;
    this.counts.succeeded += recorded.succeeded;
    this.counts.failed += recorded.failed;
  }

  private recordName(number: number): string {
    return `${this.input.number}-${workflowInfo().runId.slice(-RUN_ID_LENGTH)}-${number}`;
  }

  private continueAsNew(): Promise<never> {
    const { list } = this.pages;
    return continueAsNew<typeof followUpShardWorkflow>({
      ...this.input,
      window: this.window,
      resumed: { list, counts: this.counts, isServed: this.service.isServed, attention: this.board.current, returned: this.records.total },
    });
  }
}
