import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { AccountReference } from '../contract';
import { openWorkflows } from './session';

const LOOKS_PER_TIMEOUT = 6;

/** Resolves when no job of the account has been open for so many ms. A server that does not answer tells nothing. */
export async function whenIdle(client: Client, account: AccountReference, timeoutMs: number): Promise<'idle'> {
  let idleSince: number | undefined;
  for (;;) {
    const open = await openWorkflows(client, account).catch(() => undefined);
    if (open === 0) idleSince ??= Date.now();
    else idleSince = undefined;
    if (idleSince !== undefined && Date.now() - idleSince >= timeoutMs) return 'idle';
    await sleep(timeoutMs / LOOKS_PER_TIMEOUT);
  }
}
