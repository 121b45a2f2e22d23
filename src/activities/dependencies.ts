import type { AccountReference, Attention, PriceTable } from '../contract';
import { AccountRecords, JobFolder, outputFolder, partFolder, syncedRecords } from '../jobs';
import type { CallPace, PartFolder, RecordStore } from '../jobs';
import type { StorageRoot } from '../storage';
import type { ActivityApi } from './paced-api';
import type { PartReference } from './payloads';

/** What activities are given when a worker is built. The credential is inside `api` and nowhere else. */
export interface ActivityDependencies {
  api: ActivityApi;
  /** Where `api` is paced: gives the place of a create, which is taken before its deadline is set. */
  pace?: CallPace;
  account: AccountReference;
  storage: StorageRoot;
  /** What tokens cost; without it, no cost is reported. */
  prices?: PriceTable;
  /** Default: synced files. Tests stop a worker exactly before or after one record. */
  records?: RecordStore;
  /** From a create's intent to its deadline, in ms. Default `createTimeoutMs`. */
  createTimeoutMs?: (bodyBytes: number) => number;
  /** Told when this worker's key, or its way to the API, is refused, so that the worker can stop taking work it cannot do. */
  onAccessRefused?: (attention: Attention) => void;
  /** Runs the commands of `JobInput.notify`. Default no: the input of a workflow may come from others. */
  allowCommands?: boolean;
  /** How long telling somebody of a job may take, in ms. Default 20 s of a URL, 60 s of a command. */
  notifyTimeoutMs?: number;
}

/** How long sending a create's body and awaiting its answer may take: a minute, and a second for each megabyte. */
export function createTimeoutMs(bodyBytes: number): number {
  return 60_000 + Math.ceil(bodyBytes / 1000);
}

export function recordStore(deps: ActivityDependencies): RecordStore {
  return deps.records ?? syncedRecords;
}

export function jobFolder(deps: ActivityDependencies, jobId: string): JobFolder {
  return new JobFolder(deps.storage.folder, jobId, recordStore(deps));
}

export function accountRecords(deps: ActivityDependencies): AccountRecords {
  return new AccountRecords(deps.storage.folder, deps.account, recordStore(deps));
}

/** Where a part's working data lies. */
export function partFolderOf(ref: PartReference): PartFolder {
  return partFolder(outputFolder(ref.output).workFolder, ref.round, ref.part);
}
