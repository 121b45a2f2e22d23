/**
 * Two forms of the tests. `npm test` holds each promise to one proof; `npm run test:long`, which sets REPETITIONS, has all: variants of these
 * proofs, and what repeats. What is only of the long form asks for `LONG`, has `onlyLong` or stands in further rows, or in a file that is
 * named `*.long.test.ts`, which jest.config.js leaves out of `npm test`.
 */
export const LONG = process.env['REPETITIONS'] !== undefined;

/** What a case may say of itself: it shows what another one shows, at one more step, in one more way, with a further fault or of a rarer event. */
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

/** The rows of a table for the form that runs: those of both forms, and in the long one the others as well. */
export function rowsOfThisForm<Row>(both: readonly Row[], onlyLong: readonly Row[]): Row[] {
  return LONG ? [...both, ...onlyLong] : [...both];
}
