/** From a batch to its follow-ups: shards, each a child workflow, one after another without a gap. */
import { CancellationScope, ChildWorkflowCancellationType, ChildWorkflowFailure, condition, getExternalWorkflowHandle, isCancellation, ParentClosePolicy, setHandler, sleep, startChild, workflowInfo } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { TerminatedFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { FollowUpShard } from '../activities';
import type { FollowUpCounts, FollowUpOptions, FollowUpShardChange, ToldAttention } from '../contract';
import { addFollowUps, DEFAULT_FOLLOW_UP_WINDOW, followUpShardSignal, followUpWindowSignal, noFollowUps, resumeSignal } from '../contract';
import type { AttentionDesk } from './attention';
import { cancelById, Children } from './children';
import type { followUpShardWorkflow } from './follow-up-shard';
import { nextShardWindow, windowLeft } from './follow-up-window';
import type { OpenShard } from './follow-up-window';

export interface FollowUpRun {
  /** All of them, in their order; those of several parts where it is not one batch's. */
  shards: FollowUpShard[];
  options: FollowUpOptions;
  activityTaskQueue: string;
  /** Of the batch whose follow-ups these are (`FollowUpShardInput.batchId`). */
  batchId?: string;
  /** Those whose last run did not complete run again (`FollowUpShardInput.again`). */
  again?: boolean;
  /** Shards may have been begun before, by a run that is not known (`FollowUpShardInput.begunBefore`). */
  begunBefore?: boolean;
  /** What an earlier run of this workflow has returned. */
  done?: FollowUpsDone;
  /** @param number of the shard, from 1. */
  workflowId: (number: number) => string;
  /** Told what shards wait for; whoever resumes it calls `resumeShards` too. */
  desk: AttentionDesk;
  /** @param counts of the shards that have ended; `selected` is that of all. @param open workflow ids of the shards that run. */
  onProgress: (counts: FollowUpCounts, open: string[]) => void;
}

export interface FollowUpsDone {
  /** So many have ended, the first ones. */
  shards: number;
  counts: FollowUpCounts;
}

/**
 * Runs shards of follow-ups, never more than the window at once over all of them. A cancel of the scope that this is called in reaches
 * all that runs, and is waited for. Handles `followUpShardSignal` of the workflow.
 *
 * @returns what is done: all, or where canceled what was begun; or less where the history is long. No child is open then, and whoever
 * has called goes on in a new run, with that as `done`.
 */
export async function runFollowUps(run: FollowUpRun): Promise<FollowUpsDone> {
  const scope = CancellationScope.current();
  const shards = new ShardRunner(run);
  if (scope.consideredCancelled) shards.cancel();
  else scope.cancelRequested.catch(() => shards.cancel());
  return CancellationScope.nonCancellable(() => shards.run());
}

/** Tells open shards that a person has resumed the job. */
export async function resumeShards(workflowIds: string[]): Promise<void> {
  // One that has just ended needs no telling.
  await Promise.all(workflowIds.map((id) => getExternalWorkflowHandle(id).signal(resumeSignal).catch(() => undefined)));
}

/** How long an earlier shard is given to wind up before it is looked at again, in ms; doubled each time. */
const EARLIER_SHARD_MS = 10_000;
const LONGEST_EARLIER_SHARD_MS = 10 * 60_000;

/** So long a shard has to run before it is taken to run well, in ms, and what was told of its failure is taken back. */
const STEADY_MS = 60_000;

interface RunningShard extends OpenShard {
  /** How often its workflow was started. */
  starts: number;
  /** The window that its workflow was last told; undefined while it is being started. */
  told?: number;
  /** What it has told before it ended as canceled. */
  canceled?: FollowUpCounts;
}

class ShardRunner {
  private readonly window: number;
  private readonly counts: FollowUpCounts;
  private readonly children = new Children();
  /** By number. */
  private readonly open = new Map<number, RunningShard>();
  private readonly attention = new Map<number, ToldAttention>();
  /** What shards of an earlier run have told that were not begun here yet. */
  private readonly toldBefore = new Map<number, ToldAttention | undefined>();
  private begun: number;
  /** One has grown too large: those that begin now find out how much follow-ups return before many run. */
  private careful?: true;

  constructor(private readonly options: FollowUpRun) {
    const { shards, done, options: followUp } = options;
    this.window = followUp.window ?? DEFAULT_FOLLOW_UP_WINDOW;
    this.begun = done?.shards ?? 0;
    this.counts = { ...(done?.counts ?? noFollowUps()), selected: shards.reduce((sum, { count }) => sum + count, 0) };
  }

  cancel(): void {
    this.children.cancel();
  }

  async run(): Promise<FollowUpsDone> {
    setHandler(followUpShardSignal, (change) => this.changed(change), { description: 'From a shard of follow-ups: how things stand there' });
    this.progress();
    for (;;) {
      if (this.mayBegin()) this.begin();
      else if (this.open.size > 0) await condition(() => this.open.size === 0 || this.mayBegin());
      else if (!(await this.beginEarlier())) break;
    }
    return { shards: this.begun, counts: { ...this.counts } };
  }

  private get stops(): boolean {
    return this.children.isCanceled || (workflowInfo().continueAsNewSuggested && this.begun > (this.options.done?.shards ?? 0));
  }

  private mayBegin(): boolean {
    return this.begun < this.options.shards.length && !this.stops && nextShardWindow(this.window, [...this.open.values()]) > 0;
  }

  /** Canceled before it has come to a shard that an earlier run has left open, it still waits for that. @returns whether there is one */
  private async beginEarlier(): Promise<boolean> {
    const { shards, workflowId } = this.options;
    if (!this.children.isCanceled || this.begun >= shards.length || !(await cancelById(workflowId(this.begun + 1)))) return false;
    this.begin();
    return true;
  }

  private begin(): void {
    const shard: RunningShard = { starts: 0, window: nextShardWindow(this.window, [...this.open.values()]) };
    const number = ++this.begun;
    this.open.set(number, shard);
    this.progress();
    const told = this.toldBefore.get(number);
    if (told) void this.setAttention(number, told);
    void this.runToEnd(number, shard);
  }

  private async runToEnd(number: number, open: RunningShard): Promise<void> {
    addFollowUps(this.counts, { ...(await this.runShard(number, open)), selected: 0 });
    this.open.delete(number);
    this.progress();
    await this.setAttention(number, undefined);
    await this.giveRoom();
  }

  /**
   * Runs one shard to its counts. The server terminates one whose follow-ups have returned more than fits a history: it begins again, once,
   * and reads their ends. Where it fails or is ended from outside otherwise, a person is asked. What is on record does not run again.
   */
  private async runShard(number: number, open: RunningShard): Promise<FollowUpCounts> {
    const { workflowId, desk } = this.options;
    const backOff = desk.backOff();
    let earlierMs = EARLIER_SHARD_MS;
    for (let { begunBefore } = this.options, wasTerminated = false; ; begunBefore = true) {
      try {
        return await this.children.run(() => this.startShard(number, open, begunBefore));
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) {
          await this.waitForEarlier(number, open, earlierMs);
          // It has put on record what it ran, and nothing more is to begin.
          if (open.canceled && this.children.isCanceled) return open.canceled;
          open.canceled = undefined;
          earlierMs = Math.min(earlierMs * 2, LONGEST_EARLIER_SHARD_MS);
          continue;
        }
        if (isCancellation(error) || this.children.isCanceled) return open.canceled ?? noFollowUps();
        if (error instanceof ChildWorkflowFailure && error.cause instanceof TerminatedFailure && !wasTerminated) {
          wasTerminated = this.careful = true;
          continue;
        }
        const seen = desk.resumes;
        const why = error instanceof ChildWorkflowFailure ? (error.cause?.message ?? error.message) : String(error);
        await this.setAttention(number, { code: 'part_failed', message: `The workflow ${workflowId(number)} ended without a result: ${why}` });
        await backOff.wait(() => this.children.isCanceled, seen);
        if (this.children.isCanceled) return noFollowUps();
      } finally {
        open.told = undefined;
      }
    }
  }

  /** Waits for the shard that an earlier run of whoever has called has left: it is canceled, and waits for its follow-ups. */
  private async waitForEarlier(number: number, open: RunningShard, ms: number): Promise<void> {
    const { workflowId, desk } = this.options;
    const seen = desk.resumes;
    await cancelById(workflowId(number));
    await condition(() => open.canceled !== undefined || desk.resumes > seen, ms);
  }

  private async startShard(number: number, open: RunningShard, begunBefore: boolean | undefined): Promise<ChildWorkflowHandle<typeof followUpShardWorkflow>> {
    const { shards, options, activityTaskQueue, batchId, again, workflowId } = this.options;
    const window = Math.max(1, open.stillRunning ?? open.window);
    const child = await startChild<typeof followUpShardWorkflow>('followUpShardWorkflow', {
      workflowId: workflowId(number),
      args: [{ shard: shards[number - 1]!, options, activityTaskQueue, batchId, number, window, isLast: number === shards.length, again, begunBefore, careful: this.careful }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `follow-ups, shard ${number} of ${shards.length}`,
    });
    open.told = window;
    void this.forgetOfBefore(number, open, ++open.starts);
    // What it was given while it was being started has not reached it.
    if (open.stillRunning === undefined) void this.tellWindow(number, open);
    return child;
  }

  /** What an earlier workflow of the shard has told holds no more; that it failed, once this one has run for a while. */
  private async forgetOfBefore(number: number, open: RunningShard, start: number): Promise<void> {
    const told = this.attention.get(number);
    if (told?.code === 'part_failed') await sleep(STEADY_MS);
    if (told && this.attention.get(number) === told && open.starts === start && open.told !== undefined) await this.setAttention(number, undefined);
  }

  private async changed({ shard: number, stillRunning, canceled, attention }: FollowUpShardChange): Promise<void> {
    const shard = this.open.get(number);
    if (!shard) {
      if (attention !== undefined && number > this.begun) this.toldBefore.set(number, attention ?? undefined);
      return;
    }
    // One of an earlier run, which had the same id, may have told before.
    shard.canceled = canceled ?? shard.canceled;
    if (stillRunning !== undefined) {
      shard.stillRunning = Math.min(stillRunning, shard.window);
      await this.giveRoom();
    }
    if (attention !== undefined) await this.setAttention(number, attention ?? undefined);
  }

  /** Room that has become free goes to the next shard; where none comes, to the one that still starts follow-ups. */
  private async giveRoom(): Promise<void> {
    const starting = [...this.open].find(([, { stillRunning }]) => stillRunning === undefined);
    const free = windowLeft(this.window, this.open.values());
    if (!starting || free === 0 || this.children.isCanceled) return;
    const [number, shard] = starting;
    shard.window += free;
    await this.tellWindow(number, shard);
  }

  private async tellWindow(number: number, shard: RunningShard): Promise<void> {
    const { window, told } = shard;
    if (told === undefined || told >= window) return;
    shard.told = window;
    // One that has just ended needs no room.
    await this.told(() => getExternalWorkflowHandle(this.options.workflowId(number)).signal(followUpWindowSignal, window).catch(() => undefined));
  }

  /** Of all that ask for a person, the first is shown. */
  private async setAttention(number: number, attention: ToldAttention | undefined): Promise<void> {
    if (attention) this.attention.set(number, attention);
    else if (!this.attention.delete(number)) return;
    const [first] = this.attention.values();
    await this.told(() => (first ? this.options.desk.tell(first.code, first.message) : this.options.desk.clear()));
  }

  /** Not in a handler's scope, which is the canceled one where the workflow itself was canceled. */
  private told(tell: () => Promise<void>): Promise<void> {
    return CancellationScope.nonCancellable(tell);
  }

  private progress(): void {
    this.options.onProgress({ ...this.counts }, [...this.open.keys()].map(this.options.workflowId));
  }
}
