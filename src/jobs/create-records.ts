/**
 * What is known of the creates of one part: each attempt is an intent, then facts about it.
 * Each fact is a file of its own that is created once and never changed, so two workers that
 * disagree (one of them frozen and woken) cannot overwrite what the other has learned.
 *
 *   create-01.intent.json      about to POST; nothing is paid before this is synced
 *   create-01.answer.json      the API's answer: the batch id
 *   create-01.unanswered.json  the call ended without an answer that says what became of it
 *   create-01.void.json        certainly not accepted (refused, never sent, or proved by a list)
 *   create-01.adopted-ID.json  found in the list and taken for this attempt's batch
 *   create-01.disproved-ID.json its results are of other requests
 */
import { joinLocation, namesIn } from '../storage';
import type { RecordStore } from './record-store';

export interface CreateIntent {
  attempt: number;
  /** Requests in the batch: its total, by which it is looked for. */
  requests: number;
  body_bytes: number;
  body_sha256: string;
  created_at: string;
  /** After this moment the creator sends no more bytes. */
  deadline: string;
  /** How long after that a list without the batch counts as proof, for whoever looks. */
  grace_ms: number;
  /** Ids of the account's newest batches just before, newest first: the batch can only be newer than these. */
  newest_before: string[];
  made_by: string;
}

export interface CreateAnswer {
  batch_id: string;
  created_at: string;
  request_id?: string;
  simulated: boolean;
}

export interface CreateUnanswered {
  /** When the creator knew that no answer would come; it has sent nothing since. */
  at: string;
  /** The HTTP status, where there was one. */
  status?: number;
  /** The API itself said that it failed (its own error body and request id); neither a timeout nor something in between. */
  by_api: boolean;
  message: string;
}

export interface CreateVoid {
  at: string;
  reason: 'refused' | 'not_sent' | 'not_in_list' | 'never_begun';
  message: string;
}

export interface CreateAdoption {
  batch_id: string;
  created_at: string;
  at: string;
  simulated: boolean;
}

/** What the records of a part say about its batch. */
export type CreateState =
  /** No attempt is open: `attempt` is the number of the next one. */
  | { kind: 'none'; attempt: number }
  /** An attempt was begun and its outcome is unknown: to be looked up, never to be sent again. */
  | { kind: 'open'; attempt: number }
  | { kind: 'accepted'; attempt: number; batchId: string; createdAt: string; adopted: boolean; simulated: boolean };

const FILE_NAME = /^create-(\d{2,})\.(intent|answer|unanswered|void|adopted-(.+)|disproved-(.+))\.json$/;

export class CreateRecords {
  constructor(
    private readonly folder: string,
    private readonly records: RecordStore,
  ) {}

  /** An answer is believed before an adoption, and an adoption only until it is disproved. */
  async state(): Promise<CreateState> {
    const attempts = await this.attempts();
    for (const [attempt, facts] of attempts) {
      if (!facts.answer) continue;
      const answer = await this.mustRead<CreateAnswer>(attempt, 'answer');
      return { kind: 'accepted', attempt, batchId: answer.batch_id, createdAt: answer.created_at, adopted: false, simulated: answer.simulated };
    }
    for (const [attempt, facts] of attempts) {
      for (const id of facts.adopted) {
        if (facts.disproved.has(id)) continue;
        const adoption = await this.mustRead<CreateAdoption>(attempt, `adopted-${id}`);
        return { kind: 'accepted', attempt, batchId: adoption.batch_id, createdAt: adoption.created_at, adopted: true, simulated: adoption.simulated };
      }
    }
    const last = Math.max(0, ...attempts.keys());
    const facts = attempts.get(last);
    return facts && !facts.void ? { kind: 'open', attempt: last } : { kind: 'none', attempt: last + 1 };
  }

  /** @returns false where somebody has begun this attempt already: then nothing may be sent for it. */
  begin(intent: CreateIntent): Promise<boolean> {
    return this.records.create(this.path(intent.attempt, 'intent'), intent);
  }

  readIntent(attempt: number): Promise<CreateIntent | undefined> {
    return this.records.read(this.path(attempt, 'intent'));
  }

  async answered(attempt: number, answer: CreateAnswer): Promise<void> {
    await this.records.create(this.path(attempt, 'answer'), answer);
  }

  async unanswered(attempt: number, fact: CreateUnanswered): Promise<void> {
    await this.records.create(this.path(attempt, 'unanswered'), fact);
  }

  readUnanswered(attempt: number): Promise<CreateUnanswered | undefined> {
    return this.records.read(this.path(attempt, 'unanswered'));
  }

  async voided(attempt: number, fact: CreateVoid): Promise<void> {
    await this.records.create(this.path(attempt, 'void'), fact);
  }

  /** When the last attempt was proved void; undefined where there was none, or it was not. */
  async lastVoidedAt(): Promise<string | undefined> {
    const last = Math.max(0, ...(await this.attempts()).keys());
    return (await this.records.read<CreateVoid>(this.path(last, 'void')))?.at;
  }

  async adopted(attempt: number, adoption: CreateAdoption): Promise<void> {
    await this.records.create(this.path(attempt, `adopted-${fileNameOf(adoption.batch_id)}`), adoption);
  }

  async disproved(attempt: number, batchId: string, message: string): Promise<void> {
    await this.records.create(this.path(attempt, `disproved-${fileNameOf(batchId)}`), { batch_id: batchId, at: new Date().toISOString(), message });
  }

  /** File-name forms of the batch ids that were adopted for this part and turned out to be of others. */
  async disprovedIds(): Promise<Set<string>> {
    const ids = new Set<string>();
    for (const facts of (await this.attempts()).values()) for (const id of facts.disproved) ids.add(id);
    return ids;
  }

  private async attempts(): Promise<Map<number, AttemptFacts>> {
    const attempts = new Map<number, AttemptFacts>();
    for (const name of (await namesIn(this.folder)).sort()) {
      const match = FILE_NAME.exec(name);
      if (!match) continue;
      const number = Number(match[1]);
      const facts = attempts.get(number) ?? { answer: false, void: false, adopted: [], disproved: new Set<string>() };
      attempts.set(number, facts);
      if (match[2] === 'answer') facts.answer = true;
      else if (match[2] === 'void') facts.void = true;
      else if (match[3] !== undefined) facts.adopted.push(match[3]);
      else if (match[4] !== undefined) facts.disproved.add(match[4]);
    }
    return attempts;
  }

  private async mustRead<T>(attempt: number, what: string): Promise<T> {
    const path = this.path(attempt, what);
    const record = await this.records.read<T>(path);
    if (record === undefined) throw new Error(`The record ${path} was removed while it was being read`);
    return record;
  }

  private path(attempt: number, what: string): string {
    return joinLocation(this.folder, `create-${String(attempt).padStart(2, '0')}.${what}.json`);
  }
}

interface AttemptFacts {
  answer: boolean;
  void: boolean;
  adopted: string[];
  disproved: Set<string>;
}

/** Batch ids are opaque strings: whatever is not plain is encoded, so that one can be a file name. */
export function fileNameOf(batchId: string): string {
  return encodeURIComponent(batchId).replaceAll('.', '%2E').replaceAll('*', '%2A');
}
