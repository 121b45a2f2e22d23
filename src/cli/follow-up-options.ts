/** Options that say which workflow is started for each result: those of `run`, `submit`, `retry` and `adopt`. */
import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { ApiOutcome, FollowUpFilter, FollowUpOptions, FollowUpOverride } from '../contract';
import { API_OUTCOMES, CHECK_JSON_ANSWER, CHECK_JSON_ANSWERS_OF_SLICE, checkFollowUpOptions, DEFAULT_FOLLOW_UP_WINDOW, MAX_FOLLOW_UP_ARGS_BYTES, MAX_FOLLOW_UP_SLICE, MAX_FOLLOW_UP_WINDOW, READY_MADE_FOLLOW_UPS } from '../contract';
import { BadSchemaError, mustBeReadyMade } from '../jobs';
import { CliError } from './cli-error';
import { nearest } from './nearest';

/** To guess what was mistyped. New ones may come, so others are taken as well. */
const STOP_REASONS = ['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'pause_turn', 'refusal', 'model_context_window_exceeded'];

/** As typed. */
export interface FollowUpFlags {
  /** False: none, although there would be some. */
  followUp?: Pick<FollowUpOptions, 'workflow' | 'taskQueue'> | false;
  followUpOn?: ApiOutcome[];
  followUpWhere?: FollowUpFilter;
  followUpWindow?: number;
  followUpPer?: 'result' | number;
  followUpArgs?: string;
  checkSchema?: string;
}

/** What is said of the state of things where options are refused: of a new job, and of follow-ups of one that has ended. */
type Nothing = 'Nothing was sent.' | 'Nothing was run.';

const REFINING = {
  followUpOn: ['--follow-up-on', 'for which outcomes'],
  followUpWhere: ['--follow-up-where', 'for which results'],
  followUpWindow: ['--follow-up-window', 'how many run at once'],
  followUpPer: ['--follow-up-per', 'for how many results each'],
  followUpArgs: ['--follow-up-args', 'what it is given'],
} as const;

export function addFollowUpOptions(command: Command): Command {
  return command
    .option('--follow-up <type[@queue]>', 'type of a workflow to start for each result, and the task queue that your worker polls', parseFollowUp)
    .option('--follow-up-on <outcomes>', 'for which outcomes, e.g. succeeded,errored (default: succeeded)', parseOutcomes)
    .option('--follow-up-where <condition>', 'only for results of which this holds: stop_reason=end_turn,max_tokens, or /pointer=JSON, or /pointer for what is there, into {"custom_id", "result", "metadata"} (may be repeated)', parseWhere)
    .option('--follow-up-window <n>', `how many run at once for one batch, 1 to ${MAX_FOLLOW_UP_WINDOW} (default: ${DEFAULT_FOLLOW_UP_WINDOW})`, (text: string) => parseBetween(text, MAX_FOLLOW_UP_WINDOW))
    .option('--follow-up-per <result|n>', `one workflow for each result, or for each slice of so many, 1 to ${MAX_FOLLOW_UP_SLICE} (default: result)`, parsePer)
    .option('--follow-up-args <json|@file>', 'what the workflow gets after its input: a JSON array of arguments, or one value')
    .option('--check-schema <file>', `check each answer against a JSON schema: --follow-up ${CHECK_JSON_ANSWER} with the schema as its argument, or with --follow-up-per N ${CHECK_JSON_ANSWERS_OF_SLICE}`);
}

/**
 * The follow-ups that were typed, their files read. @returns undefined where none were
 * @throws CliError `usage`, `schema_invalid`, and what reading a file throws
 */
export async function typedFollowUp(flags: FollowUpFlags): Promise<FollowUpOptions | undefined> {
  const { followUp, followUpOn: on, followUpWhere: where, followUpWindow: window, followUpPer: per, followUpArgs, checkSchema } = flags;
  if (checkSchema !== undefined) mustStandAlone(flags);
  const workflow = checkSchema === undefined ? followUp : { workflow: typeof per === 'number' ? CHECK_JSON_ANSWERS_OF_SLICE : CHECK_JSON_ANSWER };
  if (!workflow) {
    for (const [name, [flag, says]] of Object.entries(REFINING)) {
      if (flags[name as keyof typeof REFINING] !== undefined) throw new CliError('usage', `${flag} says ${says}, but not which workflow.`, { hint: 'Add --follow-up TYPE.' });
    }
    return undefined;
  }
  const args = await givenArgs(followUpArgs, checkSchema, 'Nothing was sent.');
  const options = { ...workflow, on: on ?? ['succeeded'], ...(where && { where }), ...(window !== undefined && { window }), ...(per !== undefined && { per }), ...(args && { args }) };
  mustBePossible(options, 'Nothing was sent.', checkSchema);
  return options;
}

export function addFollowUpOverride(command: Command): Command {
  return command
    .option('--follow-up <type[@queue]>', 'run this workflow instead, e.g. a mended one on another task queue', parseFollowUp)
    .option('--follow-up-args <json|@file>', 'what the workflow gets after its input instead: a JSON array of arguments, or one value')
    .option('--check-schema <file>', 'check the answers against this JSON schema instead: those whose check, or other follow-up, did not complete');
}

/**
 * What was typed to run follow-ups of an ended job with, in place of their own options; files read, and checked as for a new job.
 * @param own what they were started with
 * @param ownQueue where the product's own worker serves the ready-made ones
 * @returns undefined where nothing was typed
 * @throws as `typedFollowUp`
 */
export async function typedOverride({ followUp, followUpArgs, checkSchema }: Pick<FollowUpFlags, 'followUp' | 'followUpArgs' | 'checkSchema'>, own: FollowUpOptions, ownQueue: string): Promise<FollowUpOverride | undefined> {
  if (checkSchema !== undefined) mustStandAlone({ followUp, followUpArgs });
  const args = await givenArgs(followUpArgs, checkSchema, 'Nothing was run.');
  const typed = checkSchema === undefined ? followUp || undefined : checkInstead(own, ownQueue);
  if (!typed && !args) return undefined;
  const override = { ...typed, ...(args && { args }) };
  mustBePossible({ ...own, ...override }, 'Nothing was run.', checkSchema);
  return override;
}

function checkInstead({ workflow: ownWorkflow, taskQueue, per }: FollowUpOptions, ownQueue: string): Pick<FollowUpOptions, 'workflow' | 'taskQueue'> {
  const workflow = typeof per === 'number' ? CHECK_JSON_ANSWERS_OF_SLICE : CHECK_JSON_ANSWER;
  // What polls the queue of another workflow need not have this one.
  return { workflow, ...(typeof taskQueue === 'string' && ownWorkflow !== workflow && { taskQueue: ownQueue }) };
}

/** @param schemaFile where a schema of its own was named */
function mustBePossible(options: FollowUpOptions, nothing: Nothing, schemaFile: string | undefined): void {
  const problem = checkFollowUpOptions(options);
  if (problem !== undefined) throw new CliError('usage', problem, { hint: nothing });
  try {
    mustBeReadyMade(options);
  } catch (error) {
    if (!(error instanceof BadSchemaError)) throw error;
    const message = schemaFile === undefined ? error.message : `${schemaFile} cannot be used: ${error.what}.`;
    throw new CliError(error.code, message, { hint: `${nothing} Mend ${schemaFile === undefined ? 'what --follow-up-args gives' : 'the file'}, then run the same command again.`, cause: error });
  }
}

/**
 * A type without a queue is for the worker that the command brings: it has the ready-made ones alone, and would fail
 * any other for ever.
 */
export function mustBeServed({ workflow, taskQueue }: FollowUpOptions): void {
  if (taskQueue !== undefined || READY_MADE_FOLLOW_UPS.includes(workflow)) return;
  const [meant] = nearest(workflow, READY_MADE_FOLLOW_UPS);
  throw new CliError('follow_up_without_queue', `No worker of this program serves a workflow of type ${workflow}${meant === undefined ? '' : `; did you mean ${meant}?`}${meant === undefined ? '.' : ''}`, {
    hint: `Nothing was sent. Name the task queue that your own worker polls: --follow-up ${workflow}@QUEUE\nReady-made is ${READY_MADE_FOLLOW_UPS.join(', ')}.`,
  });
}

function mustStandAlone({ followUp, followUpArgs }: FollowUpFlags): void {
  const other = followUp ? '--follow-up' : followUpArgs !== undefined ? '--follow-up-args' : undefined;
  if (other === undefined) return;
  throw new CliError('usage', `--check-schema is a follow-up of its own, and cannot be combined with ${other}.`, { hint: 'Use one of the two.' });
}

async function givenArgs(followUpArgs: string | undefined, checkSchema: string | undefined, nothing: Nothing): Promise<unknown[] | undefined> {
  const args = checkSchema === undefined ? await argsOf(followUpArgs, nothing) : [{ schema: await schemaOf(checkSchema, nothing) }];
  if (args) mustBeSmall(args, checkSchema === undefined ? '--follow-up-args' : '--check-schema', nothing);
  return args;
}

async function argsOf(typed: string | undefined, nothing: Nothing): Promise<unknown[] | undefined> {
  if (typed === undefined) return undefined;
  const source = typed.startsWith('@') ? typed.slice(1) : undefined;
  const value = parseJson(source === undefined ? typed : await readText(source), source ?? 'What --follow-up-args gives', nothing, source === undefined ? `Write a JSON array of arguments, or one value; a text in quotes: '${JSON.stringify(typed)}'.` : undefined);
  return Array.isArray(value) ? value : [value];
}

async function schemaOf(path: string, nothing: Nothing): Promise<object> {
  const schema = parseJson(await readText(path), path, nothing);
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema;
  throw new CliError('schema_invalid', `${path} holds no JSON schema: it must be a JSON object.`, { hint: `${nothing} E.g. {"type": "object", "required": ["answer"]}` });
}

/** Of a folder, Node's own error does not say which. */
async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw Object.assign(error, { path });
  });
}

function parseJson(text: string, what: string, nothing: Nothing, hint?: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError('usage', `${what} is no JSON: ${error instanceof Error ? error.message : String(error)}`, { hint: `${nothing} ${hint ?? 'Mend the file.'}`, cause: error });
  }
}

function mustBeSmall(args: unknown[], flag: string, nothing: Nothing): void {
  const bytes = Buffer.byteLength(JSON.stringify(args));
  if (bytes <= MAX_FOLLOW_UP_ARGS_BYTES) return;
  throw new CliError('usage', `What ${flag} gives to each follow-up has ${bytes} bytes as JSON; at most ${MAX_FOLLOW_UP_ARGS_BYTES} are possible.`, {
    hint: `${nothing} It stands in the history of each follow-up: give less, or where your workflow finds the rest.`,
  });
}

export function parseFollowUp(text: string): Pick<FollowUpOptions, 'workflow' | 'taskQueue'> {
  // A queue may have an @ in its name.
  const [, workflow, queue] = /^([^@]+)(@.*)?$/s.exec(text.trim()) ?? [];
  const taskQueue = queue?.slice(1);
  if (!workflow || taskQueue === '') throw new InvalidArgumentError('Write the type of a workflow, and its task queue where it is another: TYPE or TYPE@QUEUE.');
  return { workflow, ...(taskQueue !== undefined && { taskQueue }) };
}

function parseOutcomes(text: string): ApiOutcome[] {
  const outcomes = text.split(',').map((outcome) => outcome.trim());
  const unknown = outcomes.filter((outcome) => !(API_OUTCOMES as readonly string[]).includes(outcome));
  if (unknown.length > 0) throw new InvalidArgumentError(`Choose among ${API_OUTCOMES.join(', ')}.`);
  return [...new Set(outcomes)] as ApiOutcome[];
}

/** @param before the conditions so far, all of which must hold */
function parseWhere(text: string, before: FollowUpFilter = {}): FollowUpFilter {
  const [, name = text, value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (name.trim() === 'stop_reason' && value !== undefined) {
    if (before.stopReason !== undefined) throw new InvalidArgumentError('A message has one stop_reason: write those that are wanted in one condition, as in stop_reason=end_turn,max_tokens.');
    return { ...before, stopReason: parseStopReasons(value) };
  }
  if (!name.startsWith('/')) throw new InvalidArgumentError('Write stop_reason=end_turn,max_tokens, or a JSON pointer and a value, such as /metadata/topic=history; a pointer alone holds where something is there.');
  if (before.pointer !== undefined) throw new InvalidArgumentError(`One pointer can be looked at, and ${before.pointer} is one already.`);
  const problem = checkFollowUpOptions({ workflow: 'any', where: { pointer: name } });
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return { ...before, pointer: name, ...(value !== undefined && { equals: jsonOrText(value) }) };
}

function parseStopReasons(text: string): string | string[] {
  const reasons = text.split(',').map((reason) => reason.trim());
  for (const reason of reasons) {
    if (reason === '') throw new InvalidArgumentError('Write one stop_reason or more, as in stop_reason=end_turn,max_tokens.');
    const [meant] = STOP_REASONS.includes(reason) ? [] : nearest(reason, STOP_REASONS);
    if (meant !== undefined) throw new InvalidArgumentError(`Did you mean ${meant}?`);
  }
  return reasons.length === 1 ? reasons[0]! : reasons;
}

/** `history` and `"history"` are the same text; `7` is a number, `"7"` a text. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function parsePer(text: string): 'result' | number {
  return text === 'result' ? text : parseBetween(text, MAX_FOLLOW_UP_SLICE, `Write result, for one workflow each, or how many results a slice has: a number from 1 to ${MAX_FOLLOW_UP_SLICE}.`);
}

function parseBetween(text: string, most: number, says = `Write a number from 1 to ${most}.`): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw new InvalidArgumentError(says);
  return count;
}
