/** Further fields of a JSON body, beside what the call itself puts there. */
import { InvalidRequestError } from './errors';

/** Fields by name, as the API takes them. What is undefined is left out. */
export type BodyFields = Record<string, unknown>;

/**
 * Writes fields as the members of a JSON object, without its braces: `"a":1,"b":[2]`. Nothing where there are none.
 * @param reserved names that the call gives itself
 * @throws InvalidRequestError that names the field, never its value
 */
export function jsonMembers(fields: BodyFields | undefined, reserved: readonly string[] = []): string {
  if (fields === undefined) return '';
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw new InvalidRequestError('bodyFields is an object with the further fields of the body.');
  const taken = reserved.find((name) => Object.hasOwn(fields, name));
  if (taken !== undefined) throw new InvalidRequestError(`bodyFields: "${taken}" is given by the call itself.`);
  return Object.entries(fields)
    .map(([name, value]) => [name, toJson(name, value)] as const)
    .filter(([, json]) => json !== undefined)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',');
}

function toJson(name: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    throw new InvalidRequestError(`bodyFields: "${name}" cannot be written as JSON: it holds a BigInt or refers to itself.`);
  }
}
