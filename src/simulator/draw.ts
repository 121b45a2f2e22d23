/** Chance without chance: the same custom_id seen for the same time always draws the same. */
import type { AdjustableOptions } from './options';

/** What the simulator has in mind for a request whose params are good. */
export type DrawnOutcome = 'succeeded' | 'errored' | 'overloaded' | 'expired';

/**
 * @param attempt how often this custom_id has been seen, this time included (from 1).
 */
export function drawOutcome(customId: string, attempt: number, options: AdjustableOptions): DrawnOutcome {
  if (attempt > options.faultyAttempts) return 'succeeded';
  let drawn = hash(`${attempt}:${customId}`) / 2 ** 32;
  if ((drawn -= options.expiredShare) < 0) return 'expired';
  if ((drawn -= options.overloadedShare) < 0) return 'overloaded';
  if ((drawn -= options.erroredShare) < 0) return 'errored';
  return 'succeeded';
}

/** 32 bits: FNV-1a, then the finalizer of MurmurHash3, without which ids that differ in their last digit land side by side. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
