/** Keeps credentials out of texts that came from outside, for an answer may be an echo of the request. */

/** Anything shorter is no secret, and blotting it out would make messages unreadable. */
const SHORTEST_SECRET = 8;
/** A text that was cut off may end within a secret. Fewer characters of it give nothing away, and end many a text. */
const SHORTEST_BEGINNING = 4;
/** How many passing secrets (fresh tokens, headers of single calls) are remembered when their calls are over. */
const MOST_PASSING_SECRETS = 1_000;
/** A character as JSON escapes it, in a string within a string too, or as a URL does. */
const ESCAPED = /\\{1,4}(?:u00([0-9a-f]{2})|(["\\/]))|%([0-9a-f]{2})/gi;
/** The beginning of one. */
const CUT_ESCAPE = /(?:\\{1,4}(?:u[0-9a-f]{0,3})?|%[0-9a-f]?)$/i;

export class Secrets {
  readonly #lasting = new Set<string>();
  readonly #passing = new Set<string>();
  /** Those of calls under way, with how many calls they are of. */
  readonly #held = new Map<string, number>();

  /** Remembers a secret for as long as the client lives. */
  add(value: string): void {
    for (const secret of formsOf(value)) this.#lasting.add(secret);
  }

  /** Remembers a secret of one call or of a few; the one that was used longest ago makes room. */
  addPassing(value: string): void {
    for (const secret of formsOf(value)) {
      this.#passing.delete(secret);
      this.#passing.add(secret);
    }
    for (const oldest of this.#passing) {
      if (this.#passing.size <= MOST_PASSING_SECRETS) break;
      this.#passing.delete(oldest);
    }
  }

  /** Remembers a secret until it is released, however many come after it, and then as any that passed. @returns its release */
  hold(value: string): () => void {
    const secrets = formsOf(value);
    for (const secret of secrets) this.#held.set(secret, (this.#held.get(secret) ?? 0) + 1);
    return () => {
      for (const secret of secrets) {
        const calls = this.#held.get(secret)! - 1;
        if (calls > 0) this.#held.set(secret, calls);
        else this.#held.delete(secret);
      }
      this.addPassing(value);
    };
  }

  /** Replaces every secret in a text, also where JSON or a URL has it with escapes. */
  redact(text: string): string {
    const secrets = this.#all();
    const ranges = rangesOf(secrets, text);
    const plain = unescaped(text);
    if (plain) for (const { begin, end } of rangesOf(secrets, plain.text)) ranges.push({ begin: plain.starts[begin]!, end: plain.starts[end]! });
    return replaceRanges(text, ranges);
  }

  /** The same for a text that may have been cut off: what may be the beginning of a secret at its end is replaced too. */
  redactCut(text: string): string {
    const clean = this.redact(text);
    const whole = clean.replace(CUT_ESCAPE, '');
    const plain = unescaped(whole);
    const begins = this.#all().map((secret) => {
      const begin = beginningAtEnd(secret, whole);
      const beginInPlain = plain && beginningAtEnd(secret, plain.text);
      return Math.min(begin ?? clean.length, beginInPlain === undefined ? clean.length : plain!.starts[beginInPlain]!);
    });
    const begin = Math.min(clean.length, ...begins);
    return begin === clean.length ? clean : `${clean.slice(0, begin)}[redacted]`;
  }

  #all(): string[] {
    return [...new Set([...this.#lasting, ...this.#passing, ...this.#held.keys()])];
  }
}

/** With "Bearer x" both the whole and x are secret, and in a URL what is not ASCII stands as several bytes. */
function formsOf(value: string): string[] {
  const plain = [value, value.replace(/^\S+\s+/, '')];
  const encoded = plain.map((secret) => encodeURIComponent(secret));
  return [...new Set([...plain, ...encoded])].filter((secret) => secret.length >= SHORTEST_SECRET);
}

interface Range {
  begin: number;
  end: number;
}

function rangesOf(secrets: string[], text: string): Range[] {
  return secrets.flatMap((secret) => {
    const ranges: Range[] = [];
    for (let begin = text.indexOf(secret); begin >= 0; begin = text.indexOf(secret, begin + 1)) ranges.push({ begin, end: begin + secret.length });
    return ranges;
  });
}

/** A text without escapes, and where each of its characters, and its end, stands in the text itself. */
function unescaped(text: string): { text: string; starts: number[] } | undefined {
  let plain = '';
  let end = 0;
  const starts: number[] = [];
  const keep = (until: number) => {
    for (let index = end; index < until; index++) starts.push(index);
    plain += text.slice(end, until);
  };
  for (const match of text.matchAll(ESCAPED)) {
    const [escaped, inJson, itself, inUrl] = match;
    keep(match.index);
    starts.push(match.index);
    plain += itself ?? String.fromCharCode(parseInt(inJson ?? inUrl!, 16));
    end = match.index + escaped.length;
  }
  if (starts.length === 0) return undefined;
  keep(text.length);
  starts.push(text.length);
  return { text: plain, starts };
}

/** What overlaps is replaced as one, so that no rest of a longer secret stays. */
function replaceRanges(text: string, ranges: Range[]): string {
  let clean = '';
  let end = 0;
  for (const range of ranges.sort((one, other) => one.begin - other.begin)) {
    if (range.begin >= end) clean += `${text.slice(end, range.begin)}[redacted]`;
    end = Math.max(end, range.end);
  }
  return clean + text.slice(end);
}

/** Where a text ends with a beginning of a secret. */
function beginningAtEnd(secret: string, text: string): number | undefined {
  for (let begin = Math.max(text.length - secret.length, 0); begin <= text.length - SHORTEST_BEGINNING; begin++) {
    if (text[begin] === secret[0] && secret.startsWith(text.slice(begin))) return begin;
  }
  return undefined;
}
