/**
 * What the jobs of one account know of each other: which batch belongs to which part, and which part
 * may create now. Both are synced files, not workflow state, because that state can be lost or set back.
 *
 *   accounts/KEY/batches/ID.json        the owner of a batch
 *   accounts/KEY/creates/TOTAL.N.json   who may create a batch of TOTAL requests; the highest N holds it
 *
 * No two creates of the same total are open at once, so that an unanswered one can be found in the API's
 * list by its total alone (a batch has no name, and its requests cannot be read back).
 */
import type { AccountReference } from '../contract';
import { accountKey } from '../contract';
import { joinLocation, namesIn, newestIn, removeDurably } from '../storage';
import { fileNameOf } from './create-records';
import { JobFolder } from './job-folder';
import type { RecordStore } from './record-store';
import { syncedRecords } from './record-store';

/** Which part of which job. */
export interface PartOwner {
  job_id: string;
  round: number;
  part: number;
}

export class AccountRecords {
  private readonly folder: string;

  constructor(
    private readonly storageRoot: string,
    account: AccountReference,
    private readonly records: RecordStore = syncedRecords,
  ) {
    this.folder = joinLocation(storageRoot, 'accounts', accountKey(account));
  }

  owner(batchId: string): Promise<PartOwner | undefined> {
    return this.records.read(this.batchPath(batchId));
  }

  /** Records who owns a batch. @returns the owner: the one given, or whoever was first. */
  async own(batchId: string, owner: PartOwner): Promise<PartOwner> {
    if (await this.records.create(this.batchPath(batchId), owner)) return owner;
    return (await this.owner(batchId)) ?? owner;
  }

  /** A batch that was adopted and turned out to be of others is nobody's of ours. */
  async disown(batchId: string, owner: PartOwner): Promise<void> {
    const known = await this.owner(batchId);
    if (known && samePart(known, owner)) await removeDurably(this.batchPath(batchId));
  }

  /**
   * Lets go of a batch whose owner never came to be: an adoption was killed between its first record and its second.
   * @returns false where there is an owner that has the batch, or a job of its own.
   */
  async disownUnused(batchId: string): Promise<boolean> {
    const owner = await this.owner(batchId);
    if (!owner) return true;
    const folder = new JobFolder(this.storageRoot, owner.job_id, this.records);
    if ((await folder.readJob()) || (await folder.part(owner.round, owner.part).creates.state()).kind !== 'none') return false;
    await this.disown(batchId, owner);
    return true;
  }

  /** Ids (in file-name form) of all batches that some part owns. */
  async ownedIds(): Promise<Set<string>> {
    const names = await namesIn(joinLocation(this.folder, 'batches'));
    return new Set(names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)));
  }

  /** @returns the id of a batch whose part is not done yet, of the newest ones; undefined where all are done. */
  async openBatch(): Promise<string | undefined> {
    const folder = joinLocation(this.folder, 'batches');
    for (const name of await newestIn(folder, OPEN_BATCHES_LOOKED_AT)) {
      const owner = await this.records.read<PartOwner>(joinLocation(folder, name));
      if (!owner) continue;
      const part = new JobFolder(this.storageRoot, owner.job_id, this.records).part(owner.round, owner.part);
      const [report, state] = await Promise.all([part.readReport(), part.creates.state()]);
      if (!report && state.kind === 'accepted') return state.batchId;
    }
    return undefined;
  }

  /**
   * Asks for the right to create a batch of `total` requests.
   *
   * The highest claim holds it, as soon as no holder of a lower one has a create open. Together with
   * `holdsClaim`, which a creator asks after its intent is written, that keeps two apart whatever their
   * order: either the later claimant sees the earlier one's intent, or the earlier one sees the later claim.
   *
   * @returns undefined where the right is held now, else the part that is in the way.
   */
  async claimCreate(total: number, claimant: PartOwner, now: Date): Promise<PartOwner | undefined> {
    const claims = await this.claims(total);
    const last = claims.at(-1);
    const held = last && (await this.readClaim(last));
    if (!held || !samePart(held, claimant)) {
      if (held && !(await this.mayBeOutnumbered(held, now))) return held;
      const number = (last?.number ?? 0) + 1;
      const claim: ClaimRecord = { ...ownerOnly(claimant), claimed_at: now.toISOString() };
      if (!(await this.records.create(this.claimPath(total, number), claim))) {
        return (await this.readClaim({ total, number })) ?? claimant;
      }
    }
    for (const claim of (await this.claims(total)).slice(0, -1)) {
      const holder = await this.readClaim(claim);
      if (holder && !samePart(holder, claimant) && (await this.stateOf(holder)) === 'open') return holder;
      await removeDurably(this.claimPath(total, claim.number));
    }
    return undefined;
  }

  /** @returns the part that has a create of this total open: nobody knows yet which batch it has made, or whether one. */
  async openCreate(total: number): Promise<PartOwner | undefined> {
    for (const claim of await this.claims(total)) {
      const holder = await this.readClaim(claim);
      if (holder && (await this.stateOf(holder)) === 'open') return ownerOnly(holder);
    }
    return undefined;
  }

  /** Whether the right to create is still this part's. Asked after its intent is written, before anything is sent. */
  async holdsClaim(total: number, claimant: PartOwner): Promise<boolean> {
    const last = (await this.claims(total)).at(-1);
    const held = last && (await this.readClaim(last));
    return held !== undefined && samePart(held, claimant);
  }

  private async mayBeOutnumbered(holder: ClaimRecord, now: Date): Promise<boolean> {
    const state = await this.stateOf(holder);
    if (state === 'open') return false;
    if (state === 'decided' || (await this.wasUsed(holder))) return true;
    // A holder that has begun nothing is given time to; it may be a job that nobody goes on with.
    return now.getTime() - Date.parse(holder.claimed_at) > CLAIM_IDLE_MS;
  }

  /** Whether the create was made that the claim was for, and refused: it may not be tried again for long. Who tries again claims again. */
  private async wasUsed({ job_id: jobId, round, part, claimed_at: claimedAt }: ClaimRecord): Promise<boolean> {
    const voidedAt = await new JobFolder(this.storageRoot, jobId, this.records).part(round, part).creates.lastVoidedAt();
    return voidedAt !== undefined && voidedAt > claimedAt;
  }

  private async stateOf(holder: PartOwner): Promise<'idle' | 'open' | 'decided'> {
    const part = new JobFolder(this.storageRoot, holder.job_id, this.records).part(holder.round, holder.part);
    const state = await part.creates.state();
    if (state.kind === 'accepted') {
      // The owner's record may be missing where its worker died in between.
      await this.own(state.batchId, ownerOnly(holder));
      return 'decided';
    }
    if (state.kind === 'open') return 'open';
    return (await part.readReport()) ? 'decided' : 'idle';
  }

  private async claims(total: number): Promise<ClaimNumber[]> {
    return (await namesIn(joinLocation(this.folder, 'creates')))
      .map((name) => /^(\d+)\.(\d+)\.json$/.exec(name))
      .filter((match) => match !== null)
      .map((match) => ({ total: Number(match[1]), number: Number(match[2]) }))
      .filter((claim) => claim.total === total)
      .sort((a, b) => a.number - b.number);
  }

  private readClaim({ total, number }: ClaimNumber): Promise<ClaimRecord | undefined> {
    return this.records.read(this.claimPath(total, number));
  }

  private claimPath(total: number, number: number): string {
    return joinLocation(this.folder, 'creates', `${total}.${number}.json`);
  }

  private batchPath(batchId: string): string {
    return joinLocation(this.folder, 'batches', `${fileNameOf(batchId)}.json`);
  }
}

interface ClaimNumber {
  total: number;
  number: number;
}

interface ClaimRecord extends PartOwner {
  claimed_at: string;
}

/** Older batches than so many are done, or their job is not being worked on. */
const OPEN_BATCHES_LOOKED_AT = 50;

/** How long a claim may stand without a create being begun, in ms. */
const CLAIM_IDLE_MS = 30_000;

function ownerOnly({ job_id, round, part }: PartOwner): PartOwner {
  return { job_id, round, part };
}

function samePart(a: PartOwner, b: PartOwner): boolean {
  return a.job_id === b.job_id && a.round === b.round && a.part === b.part;
}
