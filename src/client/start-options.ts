/** What a job is started with is checked where it is started: later nobody stands there to be told. */
import { distance } from 'fastest-levenshtein';
import { checkFollowUpOptions } from '../contract';
import type { StartJobOptions } from './client';
import { JobOptionsError } from './errors';

/** Of workflow ids, which may have 1,000 bytes: the job's is part of those of its follow-ups. */
const LONGEST_ID_BYTES = 500;

/** What is wrong with a value, said as what it must be; undefined where nothing is. */
type Rule = (value: unknown) => string | undefined;

const RULES: Record<Exclude<keyof StartJobOptions, 'resumed'>, Rule> = {
  id: (id) => (isId(id) ? undefined : `a text of 1 to ${LONGEST_ID_BYTES} bytes without control characters`),
  requests: (requests) => (isReference(requests) ? undefined : 'where the requests lie: an absolute path on the machine of the worker, s3://BUCKET/KEY, or { uri }'),
  output: optional(text),
  account: optional((account) => (isObject(account) && isText(account['label']) && isText(account['baseUrl']) ? undefined : '{ label, baseUrl }')),
  simulated: optional(flag),
  betas: optional(texts),
  retries: optional(wholeFrom(0)),
  followUp: optional((followUp) => (isObject(followUp) ? undefined : '{ workflow } and what else a follow-up has')),
  pollIntervalMs: optional(numberFrom(0)),
  createGraceMs: optional(numberFrom(0)),
  deleteFromApi: optional(flag),
  activityTaskQueue: optional(text),
  maxRequestsPerBatch: optional(wholeFrom(1)),
  ids: optional((ids) => (ids === 'given' || ids === 'generate' ? undefined : '"given" or "generate"')),
  warmCache: optional(flag),
  queueLimit: optional(orNull(wholeFrom(1))),
  maxCost: optional(orNull((cost) => (typeof cost === 'number' && Number.isFinite(cost) && cost > 0 ? undefined : 'US dollars, more than 0'))),
  reuse: optional(text),
  retryOf: optional((retry) => (isObject(retry) && isText(retry['output']) && isStringList(retry['only']) ? undefined : '{ output, only }')),
  notify: optional(texts),
};

/** @throws JobOptionsError that names the first option that is wrong, misspelt or missing */
export function checkStartOptions(options: StartJobOptions): void {
  if (!isObject(options)) throw new JobOptionsError('A job is started with an object of options.');
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(RULES, name)) throw unknown(name);
  }
  for (const [name, rule] of Object.entries(RULES)) {
    const value = options[name as keyof StartJobOptions] as unknown;
    const must = rule(value);
    if (must !== undefined) throw new JobOptionsError(`The option ${name} of a job must be ${must}, ${value === undefined ? 'and is missing' : `not ${shown(value)}`}.`);
  }
  const problem = options.followUp && checkFollowUpOptions(options.followUp);
  if (problem !== undefined) throw new JobOptionsError(problem);
}

function unknown(name: string): JobOptionsError {
  const names = Object.keys(RULES);
  // `jobId` is what workflows call it.
  const meant = name === 'jobId' ? 'id' : names.find((known) => distance(known.toLowerCase(), name.toLowerCase()) <= Math.max(1, Math.floor(name.length / 3)));
  return new JobOptionsError(`A job has no option ${shown(name)}. ${meant === undefined ? `It has: ${names.join(', ')}.` : `Did you mean ${meant}?`}`);
}

function isId(id: unknown): boolean {
  // eslint-disable-next-line no-control-regex
  return typeof id === 'string' && id.trim() !== '' && Buffer.from(id).toString() === id && Buffer.byteLength(id) <= LONGEST_ID_BYTES && !/[\u0000-\u001f\u007f]/.test(id);
}

function isReference(requests: unknown): boolean {
  return isText(requests) || (isObject(requests) && isText(requests['uri']));
}

function optional(rule: Rule): Rule {
  return (value) => (value === undefined ? undefined : rule(value));
}

/** Null takes a limit away that the job has had. */
function orNull(rule: Rule): Rule {
  return (value) => (value === null ? undefined : rule(value));
}

function wholeFrom(least: number): Rule {
  return (value) => (Number.isSafeInteger(value) && (value as number) >= least ? undefined : `a whole number from ${least}`);
}

function numberFrom(least: number): Rule {
  return (value) => (typeof value === 'number' && Number.isFinite(value) && value >= least ? undefined : `a number from ${least}`);
}

function text(value: unknown): string | undefined {
  return isText(value) ? undefined : 'a text that is not empty';
}

function texts(value: unknown): string | undefined {
  return isStringList(value) ? undefined : 'a list of texts';
}

function flag(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : 'true or false';
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isStringList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? typeof value).slice(0, 80);
}
