/** Two forms of the tests that repeat: `npm test` does one case of each kind, `npm run test:long`, which sets REPETITIONS, all of them. */
export const LONG = process.env['REPETITIONS'] !== undefined;

/** What a case may say of itself: it shows what another one of its file shows, at one more step or in one more way. */
export interface Variant {
  onlyLong?: boolean;
}

/** Of so many runs of a property, those of the form that runs: each has other random input, in `npm test` a third of it. */
export function runsOfThisForm(runs: number): number {
  return LONG ? runs : Math.ceil(runs / 3);
}

/** The cases of the form that runs. */
export function ofThisForm<Case extends Variant>(cases: readonly Case[]): Case[] {
  return cases.filter(({ onlyLong }) => LONG || !onlyLong);
}
