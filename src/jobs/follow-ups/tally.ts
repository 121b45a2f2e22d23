/** What the lines of `follow-ups.jsonl` come to, for the report: whoever writes the file counts while it does. */
import { type AnswerCounts, type FollowUpCounts, type FollowUpLine, noFollowUps } from '../../contract';

/** Reasons are told apart up to so many, with names up to so long; the rest is summed up as `other`. */
const MOST_REASONS = 50;
const LONGEST_REASON = 64;

export class FollowUpTally {
  readonly counts: FollowUpCounts = noFollowUps();
  private readonly reasons = new Map<string, number>();
  private valid = 0;
  private invalid = 0;

  /**
   * @param end undefined where there is none on record.
   * @param results how many it was for: what is said of more is not counted.
   */
  add(end: Pick<FollowUpLine, 'status' | 'value'> | undefined, results = 1): void {
    this.counts.selected++;
    if (!end || end.status === 'not_started') return;
    this.counts.started++;
    if (end.status === 'canceled') {
      this.counts.canceled = (this.counts.canceled ?? 0) + 1;
      return;
    }
    this.counts[end.status === 'completed' ? 'succeeded' : 'failed']++;
    if (end.status === 'completed') this.addAnswers(end.value, results);
  }

  /** Undefined where no follow-up has said of any answer whether it is valid. */
  get answers(): AnswerCounts | undefined {
    if (this.valid + this.invalid === 0) return undefined;
    return { valid: this.valid, invalid: this.invalid, reasons: Object.fromEntries([...this.reasons].sort(([a], [b]) => (a < b ? -1 : 1))) };
  }

  /** By what was returned, not by the workflow's name: a check of the user's own counts as the ready-made ones do. */
  private addAnswers(value: unknown, results: number): void {
    if (!isObject(value)) return;
    const { valid, invalid, reason, reasons } = value;
    if (valid === true) this.valid++;
    else if (valid === false) this.addInvalid(typeof reason === 'string' ? reason : 'other', 1);
    else if (isCount(valid) && isCount(invalid) && valid + invalid <= results) {
      this.valid += valid;
      let left = invalid;
      for (const [name, count] of isObject(reasons) ? Object.entries(reasons) : []) {
        if (!isCount(count) || count > left) continue;
        this.addInvalid(name, count);
        left -= count;
      }
      if (left > 0) this.addInvalid('other', left);
    }
  }

  private addInvalid(reason: string, count: number): void {
    const isKnown = this.reasons.has(reason);
    const name = isKnown || (reason !== '' && reason.length <= LONGEST_REASON && this.reasons.size < MOST_REASONS) ? reason : 'other';
    this.reasons.set(name, (this.reasons.get(name) ?? 0) + count);
    this.invalid += count;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
