/** How far a pass over files has come; reported often (about once a MB), so receivers should throttle. */
export interface Progress {
  /** Requests or lines seen so far. */
  lines: number;
  /** Bytes read so far. */
  bytes: number;
}

/** What every long pass accepts. */
export interface PassOptions {
  /** Stops the pass; its reason is thrown as it is. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
