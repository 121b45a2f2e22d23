/** The checks of `params`: made after create has answered, they show up as `errored` results. */
import { isObject } from './check-request';

/** From this version on, sampling parameters are no longer part of `params`. */
const VERSION_WITHOUT_SAMPLING = '2026-10-21';
const SAMPLING = ['temperature', 'top_p', 'top_k'];
const ROLES = ['user', 'assistant', 'system'];

/** What is wrong with the params of one request, in the API's manner; undefined if they are good. */
export function paramsProblem(params: Record<string, unknown>, apiVersion: string): string | undefined {
  const { model, max_tokens: maxTokens, messages } = params;
  if (model === undefined) return 'model: Field required';
  if (typeof model !== 'string') return 'model: Input should be a valid string';
  if (!model.startsWith('claude-')) return `model: ${model.slice(0, 100)}`;
  if (maxTokens === undefined) return 'max_tokens: Field required';
  if (!Number.isInteger(maxTokens)) return 'max_tokens: Input should be a valid integer';
  if ((maxTokens as number) < 0) return 'max_tokens: Input should be greater than or equal to 0';
  if (messages === undefined) return 'messages: Field required';
  if (!Array.isArray(messages)) return 'messages: Input should be a valid list';
  if (messages.length === 0) return 'messages: at least one message is required';
  for (const [index, message] of messages.entries()) {
    const problem = messageProblem(message);
    if (problem) return `messages.${index}${problem}`;
  }
  if (params.stream === true) return 'stream: Streaming is not supported in a batch';
  if ('betas' in params) return 'betas: Extra inputs are not permitted';
  if (apiVersion >= VERSION_WITHOUT_SAMPLING) {
    const left = SAMPLING.find((name) => name in params);
    if (left !== undefined) return `${left}: Extra inputs are not permitted`;
  }
  return undefined;
}

function messageProblem(message: unknown): string | undefined {
  if (!isObject(message)) return ': Input should be an object';
  if (!ROLES.includes(message.role as string)) return `.role: Input should be ${ROLES.map((role) => `'${role}'`).join(' or ')}`;
  if (message.content === undefined) return '.content: Field required';
  if (typeof message.content !== 'string' && !Array.isArray(message.content)) return '.content: Input should be a valid string or list';
  return undefined;
}
