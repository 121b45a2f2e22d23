import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 prefer a small heap. Millions of lines pass through a job and none lives long, yet on a large machine V8
 * would let them pile up: over 250,001 requests the command peaked at 350 MB without this and at 230 MB with it, for
 * half as much processor time again and no more time by the clock.
 */
export function preferSmallHeap(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
}
