/**
 * Which parts may create their batches now. Pure: it is told what happens and what time it is, and says who is admitted.
 *
 * The API limits how many requests wait in its processing queue, over all batches of an account. Jobs share that room: the
 * job that takes least of it comes first, so a small one never waits for the parts of a big one that came before.
 */
import type { AccountMessage, AccountStatus, AdmissionAnswer, AdmissionRequest } from '../contract';

/** Creates under way at once: so many are refused at most when the room turns out to be less than was thought. */
const MOST_CREATING = 8;

/** How long after a refusal a create beyond what was learned tries whether there is more room, in ms; doubled up to the longest. */
const FIRST_PROBE_MS = 10 * 60_000;
const LONGEST_PROBE_MS = 2 * 3_600_000;

/** How long to wait where the API has no room although nothing of ours is in it (others use the account), in ms; doubled up to the longest. */
const FIRST_FULL_OF_OTHERS_MS = 15_000;
const LONGEST_FULL_OF_OTHERS_MS = 10 * 60_000;

/** A create takes no longer; an admission that is older hinders no other (its worker may be gone, its job paused), in ms. */
const LONGEST_CREATING_MS = 15 * 60_000;

/** A batch is processed for a day at most; what still counts as accepted then is of a workflow that could not say that it has left, in ms. */
const LONGEST_ACCEPTED_MS = 26 * 3_600_000;

/** `waiting`: wants to create. `admitted`: may, and nothing is known of it yet. `accepted`: its batch is in the queue. */
type PlaceState = 'waiting' | 'admitted' | 'accepted';

interface Place extends AdmissionRequest {
  state: PlaceState;
  /** When it entered this state, in ms. */
  since: number;
  /** Who came first, among those that wait. */
  order: number;
}

/** All that is carried over a continue-as-new. */
export interface AdmissionState {
  places: Place[];
  nextOrder: number;
  /** For how many requests there is room, as far as refusals have shown. */
  learned?: number;
  /** When a create beyond that may be tried. */
  probeAt: number;
  probeMs: number;
  /** Where nothing of ours is in the queue and it is full all the same: when to try again. */
  fullOfOthersUntil: number;
  fullOfOthersMs: number;
  refused: number;
  /** Batches that wait for money: nothing else is admitted meanwhile. */
  withoutMoney: string[];
  /** When each job that has a place was admitted last, in the numbers of `nextOrder`. */
  served?: Record<string, number>;
  /** Who is to go next and does not fit, and how many requests have passed it since. */
  blocked?: { workflowId: string; passed: number };
}

export function noAdmissions(): AdmissionState {
  return {
    places: [],
    nextOrder: 1,
    probeAt: 0,
    probeMs: FIRST_PROBE_MS,
    fullOfOthersUntil: 0,
    fullOfOthersMs: FIRST_FULL_OF_OTHERS_MS,
    refused: 0,
    withoutMoney: [],
  };
}

export class AdmissionQueue {
  private readonly places: Map<string, Place>;

  constructor(private readonly kept: AdmissionState) {
    this.places = new Map(kept.places.map((place) => [place.workflowId, place]));
  }

  get isEmpty(): boolean {
    return this.places.size === 0;
  }

  state(): AdmissionState {
    return { ...this.kept, places: [...this.places.values()] };
  }

  /** @param now in ms. */
  take(message: AccountMessage, now: number): void {
    if (message.kind === 'left') return this.leave(message.workflowId);
    const known = this.places.get(message.workflowId);
    const { workflowId, jobId, requests, queueLimit } = message;
    const place: Place = { state: 'waiting', since: now, order: this.kept.nextOrder, ...known, workflowId, jobId, requests, queueLimit };
    if (!known) this.kept.nextOrder++;
    this.places.set(workflowId, place);
    if (message.kind === 'accepted') this.accept(place, now);
    if (message.kind === 'refused') this.refuse(place, message.why, now);
    // An admission that has not reached it, or a run that was started again: it is admitted anew.
    if (message.kind === 'ask' && place.state !== 'waiting') this.enter(place, 'waiting', now);
  }

  /** Forgets a batch: it has ended, needs no batch any more, or its workflow is gone. */
  leave(workflowId: string): void {
    const jobId = this.places.get(workflowId)?.jobId;
    this.places.delete(workflowId);
    this.withMoney(workflowId);
    if (jobId === undefined || [...this.places.values()].some((place) => place.jobId === jobId)) return;
    this.kept.served = Object.fromEntries(Object.entries(this.kept.served ?? {}).filter(([job]) => job !== jobId));
  }

  /** Who may create now; they count as admitted from here on. */
  admit(now: number): string[] {
    for (const place of this.places.values()) {
      if (place.state === 'accepted' && now - place.since > LONGEST_ACCEPTED_MS) this.leave(place.workflowId);
    }
    const admitted: string[] = [];
    for (let next = this.next(now); next; next = this.next(now)) {
      this.enter(next, 'admitted', now);
      this.kept.served = { ...this.kept.served, [next.jobId]: this.kept.nextOrder++ };
      admitted.push(next.workflowId);
    }
    return admitted;
  }

  /** What one that asks and is not admitted is told. */
  answer(): Extract<AdmissionAnswer, { kind: 'queued' }> {
    const { inQueue, limit, held } = this.status();
    return { kind: 'queued', inQueue, ...(limit !== undefined && { limit }), ...(held && { held }) };
  }

  isWaiting(workflowId: string): boolean {
    return this.places.get(workflowId)?.state === 'waiting';
  }

  /** How long nothing happens by itself, in ms; undefined where only a message can change anything. */
  wakeIn(now: number): number | undefined {
    if (!this.hasWaiting()) return undefined;
    const stale = [...this.places.values()].filter(({ state }) => state === 'admitted').map(({ since }) => since + LONGEST_CREATING_MS);
    const times = [this.kept.fullOfOthersUntil, this.kept.learned === undefined ? 0 : this.kept.probeAt, ...stale].filter((time) => time > now);
    return times.length === 0 ? undefined : Math.min(...times) - now;
  }

  /** Those that take room, for whoever doubts that they are still there. */
  holders(): string[] {
    return [...this.places.values()].filter((place) => place.state !== 'waiting').map((place) => place.workflowId);
  }

  hasWaiting(): boolean {
    return this.count('waiting') > 0;
  }

  status(): AccountStatus {
    const given = this.given();
    const { learned } = this.kept;
    const limit = given === undefined || (learned !== undefined && learned < given) ? learned : given;
    return {
      inQueue: this.inQueue(),
      ...(limit !== undefined && { limit, limitIs: limit === given ? 'given' : 'learned' }),
      admitted: this.count('admitted') + this.count('accepted'),
      waiting: this.count('waiting'),
      refused: this.kept.refused,
      held: this.kept.withoutMoney.length > 0,
    };
  }

  private accept(place: Place, now: number): void {
    if (place.state !== 'accepted') this.enter(place, 'accepted', now);
    this.kept.withoutMoney = [];
    this.kept.fullOfOthersMs = FIRST_FULL_OF_OTHERS_MS;
    if (this.kept.learned === undefined) return;
    const accepted = this.requestsIn('accepted');
    if (accepted <= this.kept.learned) return;
    // More than was thought, so perhaps more still.
    this.kept.learned = accepted;
    this.kept.probeMs = FIRST_PROBE_MS;
    this.kept.probeAt = now;
  }

  private refuse(place: Place, why: 'queue_full' | 'spend_limit', now: number): void {
    this.kept.refused++;
    if (why === 'spend_limit') {
      // It keeps its turn: it tries again when somebody has seen to the money.
      this.enter(place, 'admitted', now);
      if (!this.kept.withoutMoney.includes(place.workflowId)) this.kept.withoutMoney.push(place.workflowId);
      return;
    }
    this.withMoney(place.workflowId);
    this.enter(place, 'waiting', now);
    const accepted = this.requestsIn('accepted');
    if (accepted === 0) {
      this.kept.fullOfOthersUntil = now + this.kept.fullOfOthersMs;
      this.kept.fullOfOthersMs = Math.min(this.kept.fullOfOthersMs * 2, LONGEST_FULL_OF_OTHERS_MS);
      return;
    }
    const wasProbe = this.kept.learned !== undefined && accepted + place.requests > this.kept.learned;
    this.kept.probeMs = wasProbe ? Math.min(this.kept.probeMs * 2, LONGEST_PROBE_MS) : FIRST_PROBE_MS;
    this.kept.learned = accepted;
    this.kept.probeAt = now + this.kept.probeMs;
  }

  private next(now: number): Place | undefined {
    const creating = this.creating(now);
    if (creating.length >= this.mostCreating(creating)) return undefined;
    const [head, ...others] = this.candidates(creating);
    if (!head) return undefined;
    if (this.fits(head, now)) {
      if (this.kept.blocked?.workflowId === head.workflowId) this.kept.blocked = undefined;
      return head;
    }
    // Smaller ones may pass who does not fit, up to its own size: then the room is kept for it.
    if (this.kept.blocked?.workflowId !== head.workflowId) this.kept.blocked = { workflowId: head.workflowId, passed: 0 };
    const { blocked } = this.kept;
    const passing = others.find((place) => blocked.passed + place.requests <= head.requests && this.fits(place, now, false));
    if (passing) blocked.passed += passing.requests;
    return passing;
  }

  /**
   * The first that waits of each job, the job that takes least room first; of several, the one whose last turn is the longest ago, or
   * jobs that have just given room back would take it again and again. None of the same total as a create under way: an
   * unanswered create is found again by its total (the records see to that as well, but only by waiting and asking again).
   */
  private candidates(creating: readonly Place[]): Place[] {
    const taken = new Map<string, number>();
    const first = new Map<string, Place>();
    const totals = new Set(creating.map(({ requests }) => requests));
    for (const place of this.places.values()) {
      const { jobId } = place;
      if (place.state !== 'waiting') taken.set(jobId, (taken.get(jobId) ?? 0) + place.requests);
      else if (totals.has(place.requests)) continue;
      else if (!first.has(jobId) || place.order < first.get(jobId)!.order) first.set(jobId, place);
    }
    const { served = {} } = this.kept;
    return [...first.values()].sort((a, b) => (taken.get(a.jobId) ?? 0) - (taken.get(b.jobId) ?? 0) || (served[a.jobId] ?? 0) - (served[b.jobId] ?? 0) || a.order - b.order);
  }

  private fits(place: Place, now: number, mayProbe = true): boolean {
    const inQueue = this.inQueue();
    // One that is larger than the room goes alone, or it would never go.
    if (inQueue === 0) return now >= this.kept.fullOfOthersUntil;
    const given = this.given();
    if (given !== undefined && inQueue + place.requests > given) return false;
    const { learned } = this.kept;
    if (learned === undefined || inQueue + place.requests <= learned) return true;
    if (!mayProbe || now < this.kept.probeAt || this.creating(now).length > 0) return false;
    this.kept.probeAt = now + this.kept.probeMs;
    return true;
  }

  /** While one waits for money none is created, but for one now and then that tries whether there is some. */
  private mostCreating(creating: readonly Place[]): number {
    const { withoutMoney } = this.kept;
    if (withoutMoney.length === 0) return MOST_CREATING;
    return creating.some(({ workflowId }) => withoutMoney.includes(workflowId)) ? 0 : 1;
  }

  /** Requests that are at the API, or about to be. */
  private inQueue(): number {
    return this.requestsIn('admitted') + this.requestsIn('accepted');
  }

  /** Creates under way. */
  private creating(now: number): Place[] {
    return [...this.places.values()].filter(({ state, since }) => state === 'admitted' && now - since < LONGEST_CREATING_MS);
  }

  private given(): number | undefined {
    const limits = [...this.places.values()].flatMap(({ queueLimit }) => queueLimit ?? []);
    return limits.length === 0 ? undefined : Math.min(...limits);
  }

  private enter(place: Place, state: PlaceState, now: number): void {
    place.state = state;
    place.since = now;
  }

  private withMoney(workflowId: string): void {
    this.kept.withoutMoney = this.kept.withoutMoney.filter((each) => each !== workflowId);
  }

  private requestsIn(state: PlaceState): number {
    let sum = 0;
    for (const place of this.places.values()) if (place.state === state) sum += place.requests;
    return sum;
  }

  private count(state: PlaceState): number {
    let count = 0;
    for (const place of this.places.values()) if (place.state === state) count++;
    return count;
  }
}
