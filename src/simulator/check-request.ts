/** The checks that create answers at once: all that stands around `params`. */
import { isUtf8 } from 'node:buffer';
import { CUSTOM_ID_PATTERN } from '../contract/limits';
import { InvalidBody } from './request-scanner';

export interface CheckedRequest {
  customId: string;
  /** Not looked into here: what is wrong with it shows up in the results. */
  params: Record<string, unknown>;
}

/**
 * @param bytes one request as it stood in the body
 * @param index its place in the list, for the message
 * @throws InvalidBody
 */
export function checkRequest(bytes: Buffer, index: number): CheckedRequest {
  if (!isUtf8(bytes)) throw new InvalidBody(`The request body is not valid JSON: requests.${index} is not UTF-8.`);
  let request: Record<string, unknown>;
  try {
    request = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  } catch {
    throw new InvalidBody(`The request body is not valid JSON: requests.${index} is malformed.`);
  }
  const { custom_id: customId, params } = request;
  if (customId === undefined) throw new InvalidBody(`requests.${index}.custom_id: Field required`);
  if (typeof customId !== 'string') throw new InvalidBody(`requests.${index}.custom_id: Input should be a valid string`);
  if (!CUSTOM_ID_PATTERN.test(customId)) {
    throw new InvalidBody(`requests.${index}.custom_id: String should match pattern '${CUSTOM_ID_PATTERN.source}'`);
  }
  if (params === undefined) throw new InvalidBody(`requests.${index}.params: Field required`);
  if (!isObject(params)) throw new InvalidBody(`requests.${index}.params: Input should be an object`);
  const extra = Object.keys(request).find((key) => key !== 'custom_id' && key !== 'params');
  if (extra !== undefined) throw new InvalidBody(`requests.${index}.${extra}: Extra inputs are not permitted`);
  return { customId, params };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
