/** Structured outputs: JSON that the schema of a request allows, always the same for the same `custom_id`. */
import { isObject } from './check-request';
import { hash } from './draw';

/** The schema is none that structured outputs take; the message is the API's, with where it stands in `params`. */
export class UnsupportedSchema extends Error {}

const PLACE = 'output_config.format';
/** References can make a small schema large. */
const MAX_VALUES = 10_000;
const MAX_DEPTH = 100;
const MAX_LIST_LENGTH = 3;
/** Of an answer, in characters. */
const MAX_LENGTH = 1_000_000;
/** Integers and numbers that are drawn are from 0 to this. */
const HIGHEST = 10;

/** What says nothing of a value. */
const ANNOTATIONS = ['title', 'description', 'default', 'examples', '$comment', '$schema', '$id', '$defs', 'definitions'];
const KEYWORDS: Record<string, string[]> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems'],
  string: ['format'],
  integer: [],
  number: [],
  boolean: [],
  null: [],
};
const FORMATS: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00Z',
  time: '12:00:00Z',
  date: '2026-01-31',
  duration: 'P1D',
  email: 'simulated@example.com',
  hostname: 'example.com',
  uri: 'https://example.com/simulated',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/**
 * The answer to a request that asks for structured output (`output_config.format` in `params`).
 * @param text what strings of the answer say
 * @returns JSON; undefined where the request asks for none
 * @throws UnsupportedSchema
 */
export function structuredAnswer({ output_config: config }: Record<string, unknown>, customId: string, text: string): string | undefined {
  if (config === undefined || config === null) return undefined;
  if (!isObject(config)) throw new UnsupportedSchema('output_config: Input should be an object');
  const { format } = config;
  if (format === undefined || format === null) return undefined;
  if (!isObject(format)) throw new UnsupportedSchema(`${PLACE}: Input should be an object`);
  if (format['type'] !== 'json_schema') throw new UnsupportedSchema(`${PLACE}.type: Input should be 'json_schema'`);
  if (!isObject(format['schema'])) throw new UnsupportedSchema(`${PLACE}.schema: Input should be an object`);
  try {
    const answer = JSON.stringify(new ValueMaker(format['schema'], customId, text).make(format['schema']));
    if (answer.length <= MAX_LENGTH) return answer;
  } catch (error) {
    // A `const` that is too deep to be written, or an answer that no text can hold.
    if (!(error instanceof RangeError)) throw error;
  }
  throw unsupported('Schema is too complex');
}

/** Makes all that a schema could ask for, also what is not chosen: whether a schema is taken does not depend on what is drawn. */
class ValueMaker {
  private drawn = 0;
  private values = 0;
  private depth = 0;

  constructor(
    private readonly root: Record<string, unknown>,
    private readonly seed: string,
    private readonly text: string,
  ) {}

  /** @param references that lead to this schema */
  make(schema: unknown, references: readonly string[] = []): unknown {
    if (!isObject(schema)) throw unsupported('A schema should be an object');
    if (++this.values > MAX_VALUES || ++this.depth > MAX_DEPTH) throw unsupported('Schema is too complex');
    const value = this.ofSchema(schema, references);
    this.depth--;
    return value;
  }

  private ofSchema(schema: Record<string, unknown>, references: readonly string[]): unknown {
    const { $ref: ref, enum: choices, const: only, anyOf, allOf } = schema;
    if (ref !== undefined) return this.referred(schema, ref, references);
    if (only !== undefined) return this.known('const', ['const', 'type'], schema, only);
    if (choices !== undefined) return this.known('enum', ['enum', 'type'], schema, this.oneOf(listOf('enum', choices)));
    if (anyOf !== undefined) return this.known('anyOf', ['anyOf'], schema, this.oneOf(listOf('anyOf', anyOf).map((each) => this.make(each, references))));
    // Several would have to be one schema, which is not simulated.
    if (Array.isArray(allOf) && allOf.length === 1) return this.known('allOf', ['allOf'], schema, this.make(allOf[0], references));
    const types = Array.isArray(schema['type']) ? listOf('type', schema['type']) : [schema['type']];
    if (types.length > Object.keys(KEYWORDS).length) throw unsupported("'type' should not name a type twice");
    return this.oneOf(types.map((type) => this.ofType(type, schema, types, references)));
  }

  private referred(schema: Record<string, unknown>, ref: unknown, references: readonly string[]): unknown {
    if (typeof ref !== 'string' || !ref.startsWith('#/')) throw unsupported(`$ref ${JSON.stringify(ref)} is not supported: it should begin with '#/'`);
    if (references.includes(ref)) throw unsupported('Recursive schemas are not supported');
    const keys = ref.slice(2).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const target = keys.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), this.root);
    if (target === undefined) throw unsupported(`$ref '${ref}' leads to nothing`);
    return this.known('$ref', ['$ref'], schema, this.make(target, [...references, ref]));
  }

  private ofType(type: unknown, schema: Record<string, unknown>, types: unknown[], references: readonly string[]): unknown {
    if (typeof type !== 'string' || !Object.hasOwn(KEYWORDS, type)) throw unsupported(type === undefined ? "Schema must have a 'type', or one of 'enum', 'const', 'anyOf', 'allOf', '$ref'" : `type ${JSON.stringify(type)} is not supported`);
    this.known(type, ['type', ...types.flatMap((each) => KEYWORDS[String(each)] ?? [])], schema, undefined);
    switch (type) {
      case 'object':
        return this.object(schema, references);
      case 'array':
        return this.array(schema, references);
      case 'string':
        return this.string(schema);
      case 'integer':
        return this.below(HIGHEST + 1);
      case 'number':
        return this.below(10 * HIGHEST + 1) / 10;
      case 'boolean':
        return this.below(2) === 1;
      default:
        return null;
    }
  }

  private object({ properties = {}, required = [], additionalProperties }: Record<string, unknown>, references: readonly string[]): Record<string, unknown> {
    if (additionalProperties !== false) throw unsupported("For 'object' type, 'additionalProperties' must be explicitly set to false");
    if (!isObject(properties)) throw unsupported("For 'object' type, 'properties' should be an object");
    if (!Array.isArray(required)) throw unsupported("For 'object' type, 'required' should be a list");
    const unknown = required.find((name) => typeof name !== 'string' || !Object.hasOwn(properties, name)) as unknown;
    if (unknown !== undefined) throw unsupported(`For 'object' type, 'required' names ${JSON.stringify(unknown)}, which is not in 'properties'`);
    const members = Object.entries(properties).map(([name, schema]) => ({ name, value: this.make(schema, references), isThere: this.below(4) > 0 || required.includes(name) }));
    return Object.fromEntries(members.filter(({ isThere }) => isThere).map(({ name, value }) => [name, value]));
  }

  private array({ items, minItems = 0 }: Record<string, unknown>, references: readonly string[]): unknown[] {
    if (minItems !== 0 && minItems !== 1) throw unsupported("For 'array' type, 'minItems' values other than 0 or 1 are not supported");
    if (items === undefined) throw unsupported("For 'array' type, 'items' is required");
    const length = Math.max(minItems, this.below(MAX_LIST_LENGTH + 1));
    const all = Array.from({ length: Math.max(1, length) }, () => this.make(items, references));
    return all.slice(0, length);
  }

  private string({ format }: Record<string, unknown>): string {
    if (format === undefined) return this.text;
    if (typeof format !== 'string' || !Object.hasOwn(FORMATS, format)) throw unsupported(`For 'string' type, format ${JSON.stringify(format)} is not supported`);
    return FORMATS[format]!;
  }

  /** @throws UnsupportedSchema where the schema has other keywords. @returns the value */
  private known(what: string, keywords: string[], schema: Record<string, unknown>, value: unknown): unknown {
    const other = Object.keys(schema).find((keyword) => !keywords.includes(keyword) && !ANNOTATIONS.includes(keyword));
    if (other === undefined) return value;
    throw unsupported(Object.hasOwn(KEYWORDS, what) ? `For '${what}' type, property '${other}' is not supported` : `'${other}' beside '${what}' is not supported`);
  }

  private oneOf(values: unknown[]): unknown {
    return values[this.below(values.length)];
  }

  private below(limit: number): number {
    return hash(`${this.seed}:${this.drawn++}`) % limit;
  }
}

function listOf(keyword: string, value: unknown): unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw unsupported(`'${keyword}' should be a list that is not empty`);
}

function unsupported(what: string): UnsupportedSchema {
  return new UnsupportedSchema(`${PLACE}.schema: ${what}`);
}
