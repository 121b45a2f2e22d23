/** What is seen of a request's `params` in passing. Small: those of many requests are in memory at once, their params are not. */
import type { InputProblem } from './input-error';

export interface RequestFacts {
  /** Undefined where there is none that could be one. */
  model: string | undefined;
  /** 0 where there is none. */
  maxTokens: number;
  /** Images and documents by URL or file id, server tools, MCP servers: what it brings in is not in it. */
  bringsMore: boolean;
  /** It asks for the prompt cache. */
  cached: boolean;
  /** What the API will refuse for certain. It says so only in the results, hours later, so it is told before. */
  warning: Omit<InputProblem, 'line'> | undefined;
}

const LONGEST_MODEL = 128;
/** The API knows content in content two or three levels deep. What is nested deeper is not looked at: the stack has an end. */
const DEEPEST = 64;
/** What is above is a mistake that the API will refuse, and must not spoil sums. */
const MOST_TOKENS = 1_000_000_000;

/** Done for every request: it looks at blocks only, makes one object, and goes through no text. */
export function requestFacts(params: Record<string, unknown>): RequestFacts {
  return { model: modelOf(params), maxTokens: maxTokensOf(params), bringsMore: bringsMore(params), cached: isCached(params), warning: warningOf(params) };
}

function modelOf({ model }: Record<string, unknown>): string | undefined {
  return typeof model === 'string' && model !== '' && model.length <= LONGEST_MODEL ? model : undefined;
}

function maxTokensOf({ max_tokens: maxTokens }: Record<string, unknown>): number {
  return Number.isSafeInteger(maxTokens) && (maxTokens as number) > 0 && (maxTokens as number) <= MOST_TOKENS ? (maxTokens as number) : 0;
}

function bringsMore({ messages, system, tools, mcp_servers: mcpServers }: Record<string, unknown>): boolean {
  if (isFilled(mcpServers)) return true;
  if (Array.isArray(tools) && tools.some((tool) => isServerTool(field(tool, 'type')))) return true;
  return hasReference(system, 0) || isInContent(messages, hasReference);
}

function isCached({ cache_control: ofAll, messages, system, tools }: Record<string, unknown>): boolean {
  return isMark(ofAll) || hasMark(tools, 0) || hasMark(system, 0) || isInContent(messages, hasMark);
}

/** Whether the content of one of some messages is so. */
function isInContent(messages: unknown, isSo: (content: unknown, depth: number) => boolean): boolean {
  if (!Array.isArray(messages)) return false;
  for (const message of messages as unknown[]) if (isSo(field(message, 'content'), 0)) return true;
  return false;
}

function hasMark(blocks: unknown, depth: number): boolean {
  if (!Array.isArray(blocks) || depth > DEEPEST) return false;
  for (const block of blocks as unknown[]) if (isMark(field(block, 'cache_control')) || hasMark(field(block, 'content'), depth + 1)) return true;
  return false;
}

function isMark(cacheControl: unknown): boolean {
  return cacheControl !== undefined && cacheControl !== null;
}

function isServerTool(type: unknown): boolean {
  return typeof type === 'string' && /^(?:web_search|web_fetch|code_execution|mcp_toolset)/.test(type);
}

function hasReference(content: unknown, depth: number): boolean {
  if (!Array.isArray(content) || depth > DEEPEST) return false;
  for (const block of content as unknown[]) {
    const type = field(field(block, 'source'), 'type');
    if (type === 'url' || type === 'file' || hasReference(field(block, 'content'), depth + 1)) return true;
  }
  return false;
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** The first thing that is wrong. @returns undefined where nothing is, as far as can be told without asking the API. */
function warningOf(params: Record<string, unknown>): Omit<InputProblem, 'line'> | undefined {
  const { model, max_tokens: maxTokens, messages, stream } = params;
  if (typeof model !== 'string' || model === '') return { message: `params.model is ${model === undefined ? 'missing' : 'not the name of a model'}.`, hint: 'Write it as in "model": "claude-opus-4-5".' };
  if (!Number.isInteger(maxTokens) || (maxTokens as number) < 0) {
    return { message: `params.max_tokens is ${maxTokens === undefined ? 'missing' : 'not a whole number'}.`, hint: 'Say how long an answer may be at most, as in "max_tokens": 1024.' };
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    return { message: `params.messages is ${messages === undefined ? 'missing' : 'not a list of messages'}.`, hint: 'Write it as in "messages": [{"role": "user", "content": "…"}].' };
  }
  if (stream === true) return { message: 'params.stream is true.', hint: 'Leave it out: there is no streaming in a batch.' };
  if ('betas' in params) return { message: 'params.betas is no parameter of a request.', hint: 'Write them beside params, as in "betas": ["…"], or name them for all requests with --beta NAME.' };
  return undefined;
}
