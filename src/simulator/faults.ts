/** Faults on demand: what can go wrong, and when it is some call's turn. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parse, stringify } from './json';

export const CALLS = ['create', 'retrieve', 'list', 'cancel', 'delete', 'results'] as const;
export type Call = (typeof CALLS)[number];

export interface FaultTarget {
  on: Call;
  /** Only calls on this batch. */
  batchId?: string;
  /** How many calls it meets. Default 1; Infinity: every one until `clearFaults`. */
  times?: number;
  /** How many calls it lets pass first. Default 0. */
  after?: number;
}

/** Whether the call takes effect (a create is accepted, a cancel is made) although its answer is spoilt. Default `beforeAccept`: it does not. */
export type When = 'beforeAccept' | 'afterAccept';

export type FaultKind =
  /** Answers this status. `html`: as something in between would, with HTML and no request-id. */
  | { kind: 'status'; status: number; when?: When; retryAfterSeconds?: number; errorCode?: string; html?: boolean; headers?: Record<string, string> }
  /** A 404 for a batch that exists. */
  | { kind: 'not-found' }
  /** A 200 whose body is not what it should be. */
  | { kind: 'garbage'; form?: 'html' | 'cut-json' | 'empty'; when?: When }
  /** The call takes effect, then the connection is destroyed without an answer. */
  | { kind: 'lose-answer' }
  /** The call takes effect; the answer comes after `ms`, without `ms` never. */
  | { kind: 'hold-answer'; ms?: number }
  /** The body is never read, nothing is ever answered. */
  | { kind: 'freeze' }
  /** So many bytes of the body are read, then nothing more; nothing is ever answered. */
  | { kind: 'freeze-body'; afterBytes: number }
  /** The connection is destroyed after so many bytes of the body (default 0); the call takes no effect. */
  | { kind: 'reset'; afterBytes?: number }
  /**
   * The results' body ends after so many bytes (compressed ones with `gzip`) or lines. `contentLength`: with the whole length announced.
   * `looksComplete`: without a length and properly terminated, so that nothing on the wire shows the cut.
   */
  | ({ kind: 'cut'; contentLength?: boolean; looksComplete?: boolean; gzip?: boolean } & CutPoint)
  /** The results' body stops after so many bytes or lines and the connection stays open. */
  | ({ kind: 'stall'; gzip?: boolean } & CutPoint);

/** One of the two. */
export interface CutPoint {
  afterBytes?: number;
  afterLines?: number;
}

export type Fault = FaultTarget & FaultKind;

const KINDS = ['status', 'not-found', 'garbage', 'lose-answer', 'hold-answer', 'freeze', 'freeze-body', 'reset', 'cut', 'stall'];

/** Those that are still to come. Kept in a file, so that they outlive the simulator. */
export class FaultList {
  private faults: Fault[];

  constructor(private readonly path: string) {
    this.faults = read(path);
  }

  /** @throws RangeError where the fault makes no sense. */
  add(fault: Fault): void {
    checkFault(fault);
    this.faults.push({ ...fault });
    this.write();
  }

  clear(): void {
    this.faults = [];
    this.write();
  }

  /** The fault that this call meets: of those that fit, the oldest whose turn it is. The others have let one more call pass. */
  take(call: Call, batchId: string | undefined): Fault | undefined {
    const fits = this.faults.filter((fault) => fault.on === call && (fault.batchId === undefined || fault.batchId === batchId));
    if (fits.length === 0) return undefined;
    let taken: Fault | undefined;
    for (const fault of fits) {
      if ((fault.after ?? 0) > 0) {
        fault.after!--;
      } else {
        taken = fault;
        fault.times = (fault.times ?? 1) - 1;
        break;
      }
    }
    this.faults = this.faults.filter((fault) => fault.times === undefined || fault.times > 0);
    this.write();
    return taken;
  }

  pending(): Fault[] {
    return this.faults.map((fault) => ({ ...fault }));
  }

  private write(): void {
    writeFileSync(`${this.path}.new`, stringify(this.faults));
    renameSync(`${this.path}.new`, this.path);
  }
}

function read(path: string): Fault[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return parse(text) as Fault[];
}

/** Faults come from other processes too, so the types alone do not keep nonsense out. */
function checkFault(fault: Fault): void {
  const refuse = (message: string): never => {
    throw new RangeError(`The simulator cannot make this fault: ${message}`);
  };
  if (!CALLS.includes(fault.on)) refuse(`\`on\` must be one of ${CALLS.join(', ')}.`);
  if (!KINDS.includes(fault.kind)) refuse(`\`kind\` must be one of ${KINDS.join(', ')}.`);
  for (const name of ['times', 'after', 'ms', 'afterBytes', 'afterLines'] as const) {
    const value = (fault as unknown as Record<string, unknown>)[name];
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) refuse(`\`${name}\` must be a number from 0.`);
  }
  if (fault.times === 0) refuse('`times` must be at least 1.');
  if (fault.kind === 'status' && !(fault.status >= 400 && fault.status <= 599)) refuse('`status` must be from 400 to 599.');
  if (fault.kind === 'freeze-body' && fault.afterBytes === undefined) refuse('`afterBytes` is missing.');
  if (fault.kind !== 'cut' && fault.kind !== 'stall') return;
  if (fault.on !== 'results') refuse(`\`${fault.kind}\` is for results only.`);
  if ((fault.afterBytes === undefined) === (fault.afterLines === undefined)) refuse('give `afterBytes` or `afterLines`, one of them.');
  if (fault.gzip && fault.afterLines !== undefined) refuse('with `gzip`, give `afterBytes`.');
  if (fault.kind === 'cut' && fault.contentLength && (fault.looksComplete || fault.gzip)) {
    refuse('`contentLength` goes with neither `looksComplete` nor `gzip`.');
  }
}
