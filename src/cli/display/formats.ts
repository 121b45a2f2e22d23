/** Numbers for people. Its libraries are ESM-only, so they are loaded once, before anything is rendered. */

export interface Formats {
  /** E.g. `12 min 5 s`; at most two units, never less than seconds. */
  duration(ms: number): string;
  /** E.g. `3.2 MB`. */
  bytes(count: number): string;
  /** E.g. `250,001`. */
  count(count: number): string;
  /** E.g. `$12.34`; small amounts with two digits that say something: `$0.0012`. */
  dollars(amount: number): string;
}

const UNITS: Record<string, string> = { y: 'y', d: 'd', h: 'h', m: 'min', s: 's' };

export async function loadFormats(): Promise<Formats> {
  const [{ default: prettyMs }, { default: prettyBytes }] = await Promise.all([import('pretty-ms'), import('pretty-bytes')]);
  return {
    duration(ms) {
      const wholeSeconds = Math.max(0, Math.round(ms / 1000)) * 1000;
      if (wholeSeconds === 0) return '0 s';
      return prettyMs(wholeSeconds, { unitCount: 2 }).replace(/(\d)([ydhms])\b/g, (_, digit: string, unit: string) => `${digit} ${UNITS[unit]}`);
    },
    bytes: (count) => prettyBytes(count),
    count: (count) => count.toLocaleString('en-US'),
    dollars: (amount) => {
      const isSmall = amount > 0 && amount < 0.1;
      return `$${amount.toLocaleString('en-US', isSmall ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
    },
  };
}
