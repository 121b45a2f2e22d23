/** One part: the requests of one message batch. */
export interface PlannedPart {
  /** From 1. */
  part: number;
  requests: number;
  /** Bytes of the create body. */
  bodyBytes: number;
  /** Hex SHA-256 of the create body. */
  bodySha256: string;
}

/** A round: its parts, whose input lines the job has copied to its work folder. */
export interface RoundPlan {
  /** From 1. */
  round: number;
  requests: number;
  /** Round 1: of the decompressed input, hex. */
  sha256?: string;
  /** Round 1: of the decompressed input. */
  bytes?: number;
  /** Empty where there is nothing to send again. */
  parts: PlannedPart[];
}
