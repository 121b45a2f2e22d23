export interface Stop {
  signal: string;
  /** A file that says it was done, for this process and those after it. */
  once: string;
}

/** Kills or freezes this process, once. */
export function stop(how: Stop): void;

/** Has this process stop exactly before or after its n-th such operation on a path that matches (a regular expression). */
export function stopAtStep(step: Stop & { operation: string; path: string; nth?: number; when: 'before' | 'after' }): Promise<void>;
