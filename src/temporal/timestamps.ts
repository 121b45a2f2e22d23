interface Timestamp {
  /** A Long, or a number. */
  seconds?: unknown;
  nanos?: number | null;
}

/** Of the server's own clock, in ms since 1970; undefined where there is none. */
export function timeOf(timestamp: Timestamp | null | undefined): number | undefined {
  return timestamp ? Number(timestamp.seconds ?? 0) * 1000 + Math.floor((timestamp.nanos ?? 0) / 1e6) : undefined;
}
