/** What the process's exit code says. Scripts depend on these: they never change. */
export const ExitCode = {
  /** Every request succeeded, and every follow-up, and no answer was found to be invalid; or the command did what it was asked for. */
  ok: 0,
  /** It could not be run: bad input, usage, settings, nothing reachable. */
  failed: 1,
  /** The job has finished, and some requests or follow-ups did not succeed, answers are invalid, or requests have several results that differ. */
  incomplete: 2,
  canceled: 3,
  /** The job waits for a person. */
  attention: 4,
  /** `--timeout` was reached; the job goes on. */
  timeout: 5,
  /** Detached by Ctrl-C; the job goes on unless the output says otherwise. */
  interrupted: 130,
  /** Detached by SIGTERM or SIGHUP. */
  terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
