import type { PlannedPart, RoundPlan } from './round-plan';

/** A part in the `plan.json` of a round in the work folder, and in the mark of a part that was made by a split. */
export interface PartRecord extends Omit<PlannedPart, 'bodyBytes' | 'bodySha256' | 'splitInto'> {
  body_bytes: number;
  body_sha256: string;
}

export function partRecordOf({ bodyBytes, bodySha256, ...part }: PlannedPart): PartRecord {
  return { ...part, body_bytes: bodyBytes, body_sha256: bodySha256 };
}

export function plannedPartOf({ body_bytes: bodyBytes, body_sha256: bodySha256, ...part }: PartRecord): PlannedPart {
  return { ...part, bodyBytes, bodySha256 };
}

/** A part that was cut in two. */
export interface SplitRecord {
  part: number;
  into: [PlannedPart, PlannedPart];
}

/** The plan with its splits: a part that was split says so, and its halves come after all others. */
export function withSplits(plan: RoundPlan, splits: readonly SplitRecord[]): RoundPlan {
  if (splits.length === 0) return plan;
  const into = new Map(splits.map((split) => [split.part, split.into.map(({ part }) => part)]));
  const halves = splits.flatMap((split) => split.into).sort((a, b) => a.part - b.part);
  const parts = [...plan.parts, ...halves].map((part) => (into.has(part.part) ? { ...part, splitInto: into.get(part.part)! } : part));
  return { ...plan, parts };
}

/** The parts that are batches: those that were split are none. */
export function batchesOf(plan: Pick<RoundPlan, 'parts'>): PlannedPart[] {
  return plan.parts.filter((part) => part.splitInto === undefined);
}

/** A part by its number. While several parts are being split, numbers may be missing. */
export function partOf(plan: Pick<RoundPlan, 'parts'> | undefined, part: number): PlannedPart | undefined {
  return plan?.parts.find((planned) => planned.part === part);
}
