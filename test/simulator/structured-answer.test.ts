import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { structuredAnswer } from '../../src/simulator/structured-answer';

const answer = (schema: unknown, customId = 'q-1') => structuredAnswer({ output_config: { format: { type: 'json_schema', schema } } }, customId, 'Simulated answer');
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false, ...more });
const ids = Array.from({ length: 50 }, (_, index) => `q-${index}`);

const EVERYTHING = object(
  {
    grade: { type: 'integer', description: 'From 0 to 10' },
    weight: { type: 'number' },
    verdict: { enum: ['good', 'bad', 7, null] },
    kind: { const: 'grade', type: 'string' },
    steps: { type: 'array', minItems: 1, items: { $ref: '#/$defs/step' } },
    tags: { type: 'array', items: { type: 'string' } },
    maybe: { anyOf: [{ type: 'null' }, { type: 'boolean' }] },
    either: { type: ['string', 'null'], format: 'date-time' },
    wrapped: { allOf: [{ $ref: '#/$defs/a~1b' }] },
    ...Object.fromEntries(['time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'].map((format) => [format, { type: 'string', format }])),
  },
  { required: ['grade'], $defs: { step: object({ text: { type: 'string' } }), 'a/b': { type: 'boolean' } } },
);

it('answers with JSON that the schema allows, in many ways, and always the same for the same custom_id', () => {
  const ajv = new Ajv2020({ strict: true, strictTypes: false });
  addFormats(ajv);
  const validate = ajv.compile(EVERYTHING);
  const texts = ids.map((id) => answer(EVERYTHING, id)!);
  for (const text of texts) expect([validate(JSON.parse(text)), validate.errors]).toEqual([true, null]);
  expect(new Set(texts).size).toBe(ids.length);
  expect(ids.map((id) => answer(EVERYTHING, id))).toEqual(texts);
  expect(new Set(ids.map((id) => answer({ type: 'integer' }, id))).size).toBe(11);
  expect(answer({ type: 'string' })).toBe('"Simulated answer"');
});

it('answers in sentences where no structured output is asked for', () => {
  for (const params of [{}, { output_config: null }, { output_config: { effort: 'low' } }, { output_config: { format: null } }]) expect(structuredAnswer(params, 'q', 'x')).toBeUndefined();
});

const endless = (ref: string) => object({ again: { $ref: ref } });
const doubled = Object.fromEntries(ids.map((_, index) => [`d${index}`, object({ a: { $ref: `#/$defs/d${index + 1}` }, b: { $ref: `#/$defs/d${index + 1}` } })]));
test.each<[message: string, schema: unknown]>([
  ["For 'integer' type, property 'minimum' is not supported", { type: 'integer', minimum: 0 }],
  ["For 'string' type, property 'minLength' is not supported", object({ name: { type: 'string', minLength: 2 } })],
  ["For 'object' type, 'additionalProperties' must be explicitly set to false", { type: 'object', properties: {} }],
  ['names "b", which is not in \'properties\'', object({ a: { type: 'null' } }, { required: ['b'] })],
  ["For 'array' type, 'minItems' values other than 0 or 1 are not supported", { type: 'array', items: { type: 'null' }, minItems: 2 }],
  ["'items' is required", { type: 'array' }],
  ['format "credit-card" is not supported', { type: 'string', format: 'credit-card' }],
  ["property 'multipleOf' is not supported", { anyOf: [{ type: 'null' }, { type: 'integer', multipleOf: 2 }] }],
  ["'enum' should be a list that is not empty", { enum: [] }],
  ["'minimum' beside 'anyOf' is not supported", { anyOf: [{ type: 'null' }], minimum: 1 }],
  ["it should begin with '#/'", { $ref: 'https://example.com/schema' }],
  ["'#/$defs/nobody' leads to nothing", { $ref: '#/$defs/nobody' }],
  ['Recursive schemas are not supported', { ...endless('#/$defs/loop'), $defs: { loop: endless('#/$defs/loop') } }],
  ['Schema is too complex', { $ref: '#/$defs/d0', $defs: { ...doubled, [`d${ids.length}`]: { type: 'null' } } }],
  ['Schema is too complex', Array.from({ length: 200 }).reduce((items) => ({ type: 'array', items }), { type: 'null' })],
  ['Schema is too complex', { const: Array.from({ length: 20_000 }).reduce((inner) => [inner], null) }],
  ['Schema is too complex', object(Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`a${index}`, { const: 'x'.repeat(10_000) }])))],
  ["'type' should not name a type twice", { type: Array.from({ length: 6_000 }, () => 'null') }],
  ['type "any" is not supported', { type: 'any' }],
  ["must have a 'type'", {}],
  ['A schema should be an object', object({ a: true })],
])('refuses as the API does: %s', (message, schema) => {
  for (const id of ids.slice(0, 5)) expect(() => answer(schema, id)).toThrow(message);
  expect(() => answer(schema)).toThrow(/^output_config\.format\.schema: /);
});

test.each<[unknown, string]>([
  [7, 'output_config: Input should be an object'],
  [{ format: 'json' }, 'output_config.format: Input should be an object'],
  [{ format: { type: 'grammar' } }, "output_config.format.type: Input should be 'json_schema'"],
  [{ format: { type: 'json_schema', schema: true } }, 'output_config.format.schema: Input should be an object'],
])('refuses what is no structured output: %j', (output_config, message) => {
  expect(() => structuredAnswer({ output_config }, 'q', 'x')).toThrow(message);
});
