/** Holds the answer of a result against a JSON schema. */
import { type ApiOutcome, CHECK_JSON_ANSWER, CHECK_JSON_ANSWERS_OF_SLICE, type FollowUpInput, type FollowUpOptions, READY_MADE_FOLLOW_UPS } from '../../contract';
import { StorageError } from '../../storage';
import { resultOf } from '../follow-ups/slice-results';
import { InputError } from '../input-error';
import { parseOutputLine } from '../result-line';
import { answerOf, type AnswerPlace } from './answer';
import { compiledSchema } from './schema';
import { isOverTime, withinTime } from './time-limit';

type MessageBatchResult = import('@anthropic-ai/sdk/resources/messages/batches').MessageBatchResult;

/** What `checkJsonAnswer` is told: `args: [{ schema, at }]` of a follow-up. */
export interface JsonAnswerCheck {
  /** JSON Schema 2020-12; by its `$schema` also 2019-09 or draft-07. */
  schema: Record<string, unknown>;
  at?: AnswerPlace;
}

/** Small, because it stands in histories and in `follow-ups.jsonl`. */
export type CheckedAnswer =
  /** `value` where it has at most 4 KB as JSON. */
  | { valid: true; value?: unknown }
  | {
      valid: false;
      /** An outcome: the result did not succeed. `not_checked`: checking it, or others before it by the same schema, takes too long. */
      reason: 'schema' | 'not_json' | 'no_text' | 'no_tool_use' | 'refusal' | 'max_tokens' | 'not_checked' | 'errored' | 'canceled' | 'expired';
      /** The first ten. */
      errors: AnswerError[];
    };

export interface AnswerError {
  /** A JSON pointer into the answer; empty for the whole of it. */
  path: string;
  message: string;
}

const MAX_ERRORS = 10;
const MAX_ERROR_LENGTH = 300;
/** A thousand of them stand in the history of a shard. */
const MAX_VALUE_BYTES = 4 * 1024;
/** A regular expression of a schema can take for ever, and the worker has heartbeats to send. */
const CHECK_MS = 250;

/**
 * As `checkAnswer`, of the line of a result. One that was counted although it is no JSON throughout is not checked, and holds up no other.
 * @throws InputError `bad_schema`; StorageError `changed` where it is no such result
 */
export function checkAnswerIn(input: FollowUpInput, line: Buffer, check: JsonAnswerCheck): CheckedAnswer {
  try {
    return checkAnswer(resultOf(input, line).result, check);
  } catch (error) {
    if (!(error instanceof StorageError) || !isCounted(line, input.outcome)) throw error;
    return notChecked('What the API has sent of it is no JSON throughout.');
  }
}

function isCounted(line: Buffer, outcome: ApiOutcome): boolean {
  const seen = parseOutputLine(line);
  return seen.kind === 'result' && seen.outcome === outcome;
}

/** @throws InputError `bad_schema` */
export function checkAnswer(result: MessageBatchResult, check: JsonAnswerCheck): CheckedAnswer {
  mustBeCheck(check);
  const { validate, patience } = compiledSchema(check.schema);
  if (result.type !== 'succeeded') return wrong(result.type, [{ path: '', message: `The request ${result.type}.` }]);
  const { message } = result;
  if (message.stop_reason === 'refusal') return wrong('refusal', [{ path: '', message: 'The model has refused to answer.' }]);
  const wasCut = message.stop_reason === 'max_tokens' || message.stop_reason === 'model_context_window_exceeded';
  const answer = answerOf(message, check.at ?? undefined);
  if ('reason' in answer) return wrong(wasCut ? 'max_tokens' : answer.reason, [{ path: '', message: answer.message }]);
  if (patience.isOver) return notChecked(`Checking others by this schema took longer than ${CHECK_MS} ms again and again, so this one was left out.`);
  try {
    if (twiceWithinTime(() => validate(answer.value)) === true) return { valid: true, ...smallValue(answer.value) };
  } catch (error) {
    if (isOverTime(error)) {
      patience.spend();
      return notChecked(`Checking it takes longer than ${CHECK_MS} ms.`);
    }
    if ((error as Error).name === 'RangeError') return notChecked('It is nested too deeply to be checked.');
    throw error;
  }
  const errors = (validate.errors ?? []).slice(0, MAX_ERRORS).map(({ instancePath, message: text = 'is not valid' }) => ({ path: instancePath, message: text }));
  // The schema is kept; there can be hundreds of thousands of them.
  validate.errors = null;
  return wrong(wasCut ? 'max_tokens' : 'schema', errors);
}

/** The limit is one of the clock: where a busy machine let this process stand still, the second time tells. */
function twiceWithinTime<T>(run: () => T): T {
  try {
    return withinTime(CHECK_MS, run);
  } catch (error) {
    if (!isOverTime(error)) throw error;
    return withinTime(CHECK_MS, run);
  }
}

/**
 * Whether a ready-made follow-up can do anything with these options. Of others nothing is known.
 * @throws InputError `bad_schema`, `bad_follow_up`
 */
export function mustBeReadyMade({ workflow, per = 'result', args }: FollowUpOptions): void {
  if (!READY_MADE_FOLLOW_UPS.includes(workflow)) return;
  const isOfSlice = workflow === CHECK_JSON_ANSWERS_OF_SLICE;
  if (isOfSlice !== (typeof per === 'number')) {
    const hint = isOfSlice ? `Say for how many results each (per: 500, --follow-up-per 500), or take ${CHECK_JSON_ANSWER}.` : `Take ${CHECK_JSON_ANSWERS_OF_SLICE} for slices.`;
    throw new InputError('bad_follow_up', `${workflow} is ${isOfSlice ? 'for slices of results' : 'for single results, not for slices'}.`, `Nothing was sent for it. ${hint}`);
  }
  mustBeCheck(args?.[0]);
  compiledSchema((args![0] as JsonAnswerCheck).schema);
}

function mustBeCheck(check: unknown): void {
  const { schema, at } = (check ?? {}) as Partial<Record<keyof JsonAnswerCheck, unknown>>;
  if (schema === undefined) throw new InputError('bad_schema', 'This follow-up was given no JSON schema.', "Start it with args: [{ schema: { type: 'object', … } }].");
  const isPlace = at === undefined || at === null || at === 'text' || at === 'tool_use' || typeof (at as { tool?: unknown }).tool === 'string';
  if (!isPlace) throw new InputError('bad_schema', `An answer cannot be looked for at ${JSON.stringify(at).slice(0, 80)}.`, "Give at: 'text', 'tool_use' or { tool: NAME }, or leave it out.");
}

function notChecked(why: string): CheckedAnswer {
  return wrong('not_checked', [{ path: '', message: why }]);
}

function wrong(reason: Exclude<CheckedAnswer, { valid: true }>['reason'], errors: AnswerError[]): CheckedAnswer {
  const short = (text: string) => text.slice(0, MAX_ERROR_LENGTH);
  return { valid: false, reason, errors: errors.map(({ path, message }) => ({ path: short(path), message: short(message) })) };
}

function smallValue(value: unknown): { value?: unknown } {
  return Buffer.byteLength(JSON.stringify(value)) <= MAX_VALUE_BYTES ? { value } : {};
}
