import { createHash } from 'node:crypto';
import type { AccountReference } from '../contract';
import { accountKey } from '../contract';

export interface JobIdentity {
  /** Hex SHA-256 of the decompressed input. */
  inputSha256: string;
  account: AccountReference;
  apiVersion: string;
  betas: string[];
  simulated: boolean;
}

/**
 * A job's id follows from what would be sent and who would pay, so that the same command finds the same job
 * again. Simulated jobs have ids of their own: a simulated result can never answer a real run.
 */
export function jobIdOf({ inputSha256, account, apiVersion, betas, simulated }: JobIdentity): string {
  const identity = JSON.stringify([inputSha256, accountKey(account), apiVersion, [...betas].sort()]);
  return `${simulated ? 'sim' : 'job'}_${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}

/** What an id may look like: it is a folder's name and part of workflow ids. */
export const JOB_ID_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$/;
