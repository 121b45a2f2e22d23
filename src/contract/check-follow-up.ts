/** What a follow-up is asked for with is checked before anything is paid: by the command, the client, and whoever plans the job. */
import { MAX_FOLLOW_UP_ARGS_BYTES, MAX_FOLLOW_UP_SLICE, MAX_FOLLOW_UP_WINDOW, type FollowUpOptions } from './follow-up';
import { parseJsonPointer } from './json-pointer';
import { API_OUTCOMES } from './outcomes';

/** What is wrong with a value, said as what it must be; undefined where nothing is. */
type Rule = (value: unknown) => string | undefined;

/** What a pointer begins with: what there is of a result. */
const POINTER_ROOTS: readonly string[] = ['custom_id', 'result', 'metadata'];
const LONGEST_SHOWN = 80;
/** Temporal takes names of at most 1,000 bytes, and keeps those that begin so for itself; it would try for ever to start what it refuses. */
const LONGEST_NAME_BYTES = 500;
const RESERVED_NAME = /^(\/_sys\/|__temporal|temporal-sys)/;
const NAME_RULE = `of at most ${LONGEST_NAME_BYTES} bytes, without control characters and blanks around it`;
const OWN_WORKFLOWS: ReadonlySet<string> = new Set(['accountWorkflow', 'batchJobWorkflow', 'batchWorkflow', 'followUpShardWorkflow', 'retryFollowUpsWorkflow']);

const RULES: Record<keyof FollowUpOptions, Rule> = {
  workflow: (name) => (isName(name) ? (OWN_WORKFLOWS.has(name) ? 'a workflow that takes a result: this one of ours does not' : undefined) : `the type name of a workflow, ${NAME_RULE}`),
  taskQueue: optional((name) => (isName(name) ? undefined : `the name of a task queue, ${NAME_RULE}`)),
  on: optional((on) => (Array.isArray(on) && on.length > 0 && on.every(isApiOutcome) ? undefined : `a list of outcomes out of ${API_OUTCOMES.join(', ')}`)),
  where: optional((where) => (isObject(where) ? undefined : 'an object of stopReason, pointer and equals')),
  window: optional(wholeUpTo(MAX_FOLLOW_UP_WINDOW)),
  per: optional((per) => (per === 'result' || !wholeUpTo(MAX_FOLLOW_UP_SLICE)(per) ? undefined : `"result" or a whole number from 1 to ${MAX_FOLLOW_UP_SLICE}`)),
  args: optional((args) => (Array.isArray(args) ? jsonProblem(args) : 'a list of JSON values')),
};

const FILTER_RULES = {
  stopReason: optional((reason) => (isText(reason) || (Array.isArray(reason) && reason.length > 0 && reason.every(isText)) ? undefined : 'a stop_reason, or a list of some')),
  pointer: optional(pointerProblem),
  equals: (value: unknown) => (value === undefined ? undefined : jsonProblem(value)),
};

/**
 * Whether follow-ups can be run with these options. What other languages write where nothing is given, null, counts as not given
 * (but for `where.equals`, where it is a value).
 * @returns a sentence that says what is wrong, and what it must be; undefined where nothing is.
 */
export function checkFollowUpOptions(options: unknown): string | undefined {
  if (!isObject(options)) return 'A follow-up is an object: { workflow } and what else it has.';
  return problemOf('follow-up', RULES, options) ?? filterProblem(options);
}

function filterProblem({ where, on }: Record<string, unknown>): string | undefined {
  if (!isObject(where)) return undefined;
  const problem = problemOf("follow-up's filter", FILTER_RULES, where);
  if (problem !== undefined) return problem;
  if (where['equals'] !== undefined && where['equals'] !== null && !isText(where['pointer'])) return "The option equals of a follow-up's filter is compared with what a pointer finds, and there is no pointer.";
  if (isGiven(where['stopReason']) && Array.isArray(on) && !on.includes('succeeded')) return 'Only results that succeeded have a stop_reason, and the follow-up is for none of these.';
  return undefined;
}

function problemOf(what: string, rules: Record<string, Rule>, options: Record<string, unknown>): string | undefined {
  const unknown = Object.keys(options).find((name) => isGiven(options[name]) && !Object.hasOwn(rules, name));
  if (unknown !== undefined) return `A ${what} has no option ${shown(unknown)}. It has: ${Object.keys(rules).join(', ')}.`;
  for (const [name, rule] of Object.entries(rules)) {
    const value = options[name];
    const must = rule(value);
    if (must !== undefined) return `The option ${name} of a ${what} must be ${must}, ${isGiven(value) ? `not ${shown(value)}` : 'and is missing'}.`;
  }
  return undefined;
}

function pointerProblem(pointer: unknown): string | undefined {
  const keys = typeof pointer === 'string' ? parseJsonPointer(pointer) : undefined;
  if (keys && POINTER_ROOTS.includes(keys[0]!)) return undefined;
  return `a JSON pointer (RFC 6901) that begins with ${POINTER_ROOTS.map((root) => `/${root}`).join(' or ')}, as in /metadata/topic`;
}

function jsonProblem(value: unknown): string | undefined {
  try {
    if (isJson(value) && utf8Bytes(JSON.stringify(value)) <= MAX_FOLLOW_UP_ARGS_BYTES) return undefined;
  } catch {
    // Nested too deeply, or within itself.
  }
  return `JSON of at most ${MAX_FOLLOW_UP_ARGS_BYTES} bytes`;
}

/** Whether it is the same after it has travelled as JSON. */
function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  // Of another realm its prototype is another object.
  return isObject(value) && typeof value['toJSON'] !== 'function' && Object.prototype.toString.call(value) === '[object Object]' && Object.values(value).every((member) => member === undefined || isJson(member));
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

function optional(rule: Rule): Rule {
  return (value) => (isGiven(value) ? rule(value) : undefined);
}

function wholeUpTo(most: number): Rule {
  return (value) => (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most ? undefined : `a whole number from 1 to ${most}`);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isName(value: unknown): value is string {
  return isText(value) && value === value.trim() && !/[\p{Cc}\p{Surrogate}]/u.test(value) && !RESERVED_NAME.test(value) && utf8Bytes(value) <= LONGEST_NAME_BYTES;
}

function isApiOutcome(value: unknown): boolean {
  return (API_OUTCOMES as readonly unknown[]).includes(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? typeof value).slice(0, LONGEST_SHOWN);
  } catch {
    return typeof value;
  }
}
