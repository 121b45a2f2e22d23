import { InputError } from '../input-error';

/** Params that are the same in all requests. */
export interface FixedParams {
  /** Further ones, e.g. of a file: temperature, tools, system blocks. */
  params?: unknown;
  model?: string;
  maxTokens?: number;
}

/**
 * Joins what is given by itself with the further params, of which it takes the place.
 * @throws InputError `bad_params` where something is missing, or cannot stand there.
 */
export function fixedParams({ params = {}, model, maxTokens }: FixedParams): Record<string, unknown> {
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    throw new InputError('bad_params', '--params is not a JSON object.', 'It holds params of the Messages API: {"temperature": 0, "tools": […]}.');
  }
  if ('messages' in params) {
    throw new InputError('bad_params', '--params has messages, which are made of --prompt.', 'Take them out. What stands before every prompt can be part of --prompt, or of "system".');
  }
  const fixed: Record<string, unknown> = { ...params, ...(model !== undefined && { model }), ...(maxTokens !== undefined && { max_tokens: maxTokens }) };
  if (typeof fixed['model'] !== 'string' || fixed['model'] === '') throw new InputError('bad_params', 'No model is named.', 'Add --model NAME, or "model" in the file of --params.');
  if (!Number.isSafeInteger(fixed['max_tokens']) || Number(fixed['max_tokens']) < 1) {
    throw new InputError('bad_params', 'It is not said how many tokens an answer may have.', 'Add --max-tokens N, or "max_tokens" in the file of --params.');
  }
  const { model: first, max_tokens: second, ...others } = fixed;
  return { model: first, max_tokens: second, ...others };
}
