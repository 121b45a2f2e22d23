/** Options by names that nobody reads are refused: a misspelt one would silently change where a call goes or what it asks for. */
import { InvalidRequestError } from './errors';

/** What the official SDKs, and the API itself, call what has another name here. */
const NAMES_HERE: Readonly<Record<string, string>> = {
  baseURL: 'baseUrl',
  apiKey: 'credential: { kind: "x-api-key", token }',
  authToken: 'credential: { kind: "bearer", token }',
  defaultHeaders: 'headers',
  defaultQuery: 'query',
  timeout: 'timeoutMs',
  logger: 'hooks',
  logLevel: 'hooks: logHooks(level)',
  fetchOptions: 'dispatcher',
  after_id: 'afterId',
  before_id: 'beforeId',
  idempotencyKey: 'nothing: the API has no such key',
};

/**
 * @param what whose options they are, for the message
 * @param known every name that is read
 * @throws InvalidRequestError that names the first other one
 */
export function refuseUnknown(what: string, given: object, known: Readonly<Record<string, true>>): void {
  if (given === null || typeof given !== 'object') throw new InvalidRequestError(`${what}: the options are an object.`);
  const unknown = Object.entries(given).find(([name, value]) => value !== undefined && !Object.hasOwn(known, name))?.[0];
  if (unknown === undefined) return;
  const here = Object.hasOwn(NAMES_HERE, unknown) ? `here it is ${NAMES_HERE[unknown]}` : `there are ${Object.keys(known).join(', ')}`;
  throw new InvalidRequestError(`${what}: there is no option ${JSON.stringify(unknown.slice(0, 40))}; ${here}.`);
}
