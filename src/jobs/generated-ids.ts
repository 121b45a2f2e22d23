/**
 * Ids that are made for requests whose own the API would refuse: `generated-7` for the seventh request of the input. An id that the
 * input has itself may look so: then the prefix is another one (`generated-1-7`), so that no two are the same.
 */
const BASE = 'generated-';
/** As long as what is chosen here can be. */
const LOOKS_GENERATED = /^generated-(\d{1,15})(-\d+)?$/;

export class GeneratedIds {
  /** How many were made. */
  made = 0;
  private highest = -1;
  private meets = false;
  /** What all of them begin with; the request's number in the input follows. */
  readonly prefix: string;

  constructor(private readonly number = 0) {
    this.prefix = prefixOf(number);
  }

  /** @param ordinal of the request in the input, from 0. */
  make(ordinal: number): string {
    this.made++;
    return generatedId(this.prefix, ordinal);
  }

  /** Looks at an id that the input has itself, and that is sent as it is. */
  see(customId: string): void {
    if (!customId.startsWith(BASE)) return;
    const found = LOOKS_GENERATED.exec(customId);
    if (!found) return;
    const number = found[2] === undefined ? 0 : Number(found[1]);
    this.highest = Math.max(this.highest, number);
    if (prefixOf(number) === this.prefix) this.meets = true;
  }

  /** Once the whole input was seen: others to try instead, where one of its own ids might be one of these. */
  get instead(): GeneratedIds | undefined {
    return this.meets && this.made > 0 ? new GeneratedIds(Math.max(this.highest, this.number) + 1) : undefined;
  }
}

/** @param ordinal of the request in the input, from 0. */
export function generatedId(prefix: string, ordinal: number): string {
  return prefix + String(ordinal + 1);
}

function prefixOf(number: number): string {
  return number === 0 ? BASE : `${BASE}${number}-`;
}
