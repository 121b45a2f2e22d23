/** Keeps credentials out of texts that came from outside, for an answer may be an echo of the request. */

/** Anything shorter is no secret, and blotting it out would make messages unreadable. */
const SHORTEST_SECRET = 8;
/** How many passing secrets (fresh tokens, headers of single calls) are remembered: far more than calls are under way at once. */
const MOST_PASSING_SECRETS = 1_000;

export class Secrets {
  readonly #lasting = new Set<string>();
  readonly #passing = new Set<string>();

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

  /** Replaces every secret in a text. */
  redact(text: string): string {
    // The longest goes first, or a rest of it would stay.
    const found = [...this.#lasting, ...this.#passing].filter((secret) => text.includes(secret)).sort((one, other) => other.length - one.length);
    return found.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text);
  }
}

/** With "Bearer x" both the whole and x are secret, and in a URL either is percent-encoded. */
function formsOf(value: string): string[] {
  const plain = [value, value.replace(/^\S+\s+/, '')];
  const encoded = plain.map((secret) => encodeURIComponent(secret));
  return [...new Set([...plain, ...encoded])].filter((secret) => secret.length >= SHORTEST_SECRET);
}
