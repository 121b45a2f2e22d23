/** What `--fields` names: what users ask of a result, and paths into the result and its request. */
import { distance } from 'fastest-levenshtein';
import { InputError } from '../input-error';
import { valueAt } from '../value-at';
import { assistantMessage, errorOf, textOf, thinkingOf, toolUseOf } from './result-content';
import type { ResultRecord } from './result-record';

/** A column of a table, or a key of an object. */
export interface Field {
  name: string;
  /** Whether it is in the request, so that the input must be read. */
  ofRequest: boolean;
  /** Undefined where the result has no such value. */
  valueOf(record: ResultRecord): unknown;
}

const NAMED: Record<string, (record: ResultRecord) => unknown> = {
  custom_id: (record) => record.customId,
  outcome: (record) => record.outcome,
  text: ({ result }) => textOf(result),
  thinking: ({ result }) => thinkingOf(result),
  tool_use: ({ result }) => toolUseOf(result),
  stop_reason: ({ result }) => assistantMessage(result)?.stop_reason,
  stop_sequence: ({ result }) => assistantMessage(result)?.stop_sequence,
  model: ({ result }) => assistantMessage(result)?.model,
  message_id: ({ result }) => assistantMessage(result)?.id,
  input_tokens: ({ result }) => assistantMessage(result)?.usage?.input_tokens,
  output_tokens: ({ result }) => assistantMessage(result)?.usage?.output_tokens,
  cache_creation_input_tokens: ({ result }) => assistantMessage(result)?.usage?.cache_creation_input_tokens,
  cache_read_input_tokens: ({ result }) => assistantMessage(result)?.usage?.cache_read_input_tokens,
  service_tier: ({ result }) => assistantMessage(result)?.usage?.service_tier,
  error: ({ result }) => errorOf(result)?.summary,
  error_type: ({ result }) => errorOf(result)?.type,
  error_message: ({ result }) => errorOf(result)?.message,
  request_id: ({ result }) => errorOf(result)?.requestId,
};

/** Roots of paths: each is a field by itself too. */
const ROOTS: Record<string, (record: ResultRecord) => unknown> = {
  result: (record) => record.result,
  params: (record) => record.params,
  metadata: (record) => record.metadata,
};

/** Columns of a table where none are named. */
export const DEFAULT_FIELDS = ['custom_id', 'outcome', 'text', 'stop_reason', 'model', 'input_tokens', 'output_tokens', 'error'];

/** Names that are fields, and beginnings of paths. */
export const FIELD_NAMES = [...Object.keys(NAMED), ...Object.keys(ROOTS)];

/** So many letters may differ in what is taken for a slip. */
const MAX_SLIP = 3;

/**
 * @param names each one of `FIELD_NAMES`, or a path as in `metadata.topic` or `result.message.content.0.type`.
 * @throws InputError `unknown_field`, with the name that was probably meant.
 */
export function fieldsOf(names: readonly string[]): Field[] {
  return names.map(fieldOf);
}

function fieldOf(name: string): Field {
  if (Object.hasOwn(NAMED, name)) return { name, ofRequest: false, valueOf: NAMED[name]! };
  const [root = '', ...path] = name.split('.');
  if (!Object.hasOwn(ROOTS, root) || path.includes('')) throw unknownField(name);
  const base = ROOTS[root]!;
  return { name, ofRequest: root !== 'result', valueOf: (record) => valueAt(base(record), path) };
}

function unknownField(name: string): InputError {
  const [root = '', ...path] = name.split('.');
  const near = FIELD_NAMES.map((known) => ({ known, slips: distance(known, root) })).sort((a, b) => a.slips - b.slips)[0]!;
  const meant = [near.known, ...(Object.hasOwn(ROOTS, near.known) ? path.filter((key) => key !== '') : [])].join('.');
  const guess = near.slips <= MAX_SLIP && meant !== name ? `Did you mean ${meant}? ` : '';
  return new InputError(
    'unknown_field',
    `There is no field ${JSON.stringify(name)}.`,
    `${guess}There are ${Object.keys(NAMED).join(', ')}, and paths into metadata, params and result, as in metadata.topic.`,
  );
}
