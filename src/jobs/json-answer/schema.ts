/** Compiles JSON schemas, each once. Nothing is ever loaded from elsewhere: a reference that leads out of the schema is an error. */
import Ajv, { type Options, type ValidateFunction } from 'ajv';
import Ajv2019 from 'ajv/dist/2019';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { InputError } from '../input-error';
import { Patience } from './patience';
import { isOverTime, withinTime } from './time-limit';

/** `follow-up` arguments have at most 64 KB; what takes longer to compile than so many ms is meant to. */
const COMPILE_MS = 2_000;
/** Compiled schemas that are kept. */
const KEPT = 20;

const DIALECTS: Record<string, (options: Options) => Ajv> = {
  'https://json-schema.org/draft/2020-12/schema': (options) => new Ajv2020(options),
  'https://json-schema.org/draft/2019-09/schema': (options) => new Ajv2019(options),
  'http://json-schema.org/draft-07/schema': (options) => new Ajv(options),
};
const DEFAULT_DIALECT = 'https://json-schema.org/draft/2020-12/schema';

const OPTIONS: Options = {
  // Words and formats that are not known are errors, not ignored: a misspelt rule would let everything pass.
  strict: true,
  // What many good schemas do, and what is said clearly enough.
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: true,
  logger: false,
};

export interface CompiledSchema {
  validate: ValidateFunction;
  /** How often checking by it takes too long. */
  patience: Patience;
}

/** A schema that cannot be used. */
export class BadSchemaError extends InputError {
  /** @param what is wrong in it, for whoever has its own words for where it came from */
  constructor(readonly what: string) {
    super('bad_schema', `The JSON schema cannot be used: ${what}.`, "Mend it and start the follow-ups anew: args: [{ schema: { type: 'object', … } }].");
  }
}

const compiled = new Map<string, CompiledSchema>();

/** @throws InputError `bad_schema`, which names what is wrong in it. */
export function compiledSchema(schema: unknown): CompiledSchema {
  const key = JSON.stringify(schema) ?? '';
  const found = compiled.get(key) ?? { validate: compile(schema), patience: new Patience() };
  compiled.delete(key);
  compiled.set(key, found);
  if (compiled.size > KEPT) compiled.delete(compiled.keys().next().value!);
  return found;
}

function compile(schema: unknown): ValidateFunction {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw new BadSchemaError('it is not an object');
  const { $schema = DEFAULT_DIALECT } = schema as { $schema?: unknown };
  const make = DIALECTS[String($schema).replace(/#$/, '')];
  if (!make) throw new BadSchemaError(`its $schema ${JSON.stringify($schema)} is none of ${Object.keys(DIALECTS).join(', ')}`);
  const ajv = make(OPTIONS);
  addFormats(ajv);
  // ajv's own word, not JSON Schema's: such a schema answers with a promise, whose rejection nobody awaits. Without it, it is an unknown one.
  ajv.removeKeyword('$async');
  try {
    return withinTime(COMPILE_MS, () => ajv.compile(schema));
  } catch (error) {
    throw new BadSchemaError(isOverTime(error) ? `it takes longer than ${COMPILE_MS} ms to compile` : (error as Error).message);
  }
}
