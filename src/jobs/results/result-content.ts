/** What people read of a result. Lenient: a result may hold what this version does not know. */
import type { MessageBatchResult } from '@anthropic-ai/sdk/resources/messages/batches';
import type { Message } from '@anthropic-ai/sdk/resources/messages/messages';

export interface ResultError {
  /** The API's own, e.g. `invalid_request_error`. */
  type: string;
  message: string;
  requestId?: string;
  /** `TYPE: MESSAGE`. */
  summary: string;
}

/** The answer, where there is one. */
export function assistantMessage(result: MessageBatchResult | undefined): Partial<Message> | undefined {
  return result?.type === 'succeeded' ? result.message : undefined;
}

/** Its text blocks, joined; undefined where there is no answer. */
export function textOf(result: MessageBatchResult | undefined): string | undefined {
  return joined(result, (block) => (block.type === 'text' && typeof block.text === 'string' ? block.text : undefined));
}

/** Its thinking blocks, joined; undefined where it has none. */
export function thinkingOf(result: MessageBatchResult | undefined): string | undefined {
  return joined(result, (block) => (block.type === 'thinking' && typeof block.thinking === 'string' ? block.thinking : undefined)) || undefined;
}

/** Its calls of tools as `{id, name, input}`; undefined where it has none. */
export function toolUseOf(result: MessageBatchResult | undefined): object[] | undefined {
  const calls = blocksOf(result)?.flatMap((block) => (block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : []));
  return calls && calls.length > 0 ? calls : undefined;
}

/** What went wrong, where the API says so. */
export function errorOf(result: MessageBatchResult | undefined): ResultError | undefined {
  if (result?.type !== 'errored') return undefined;
  const { error, request_id: requestId } = (result.error ?? {}) as Partial<typeof result.error>;
  const { type = 'error', message = '' }: { type?: string; message?: string } = error ?? {};
  return { type, message, requestId: requestId ?? undefined, summary: message === '' ? type : `${type}: ${message}` };
}

function blocksOf(result: MessageBatchResult | undefined): Message['content'] | undefined {
  const content = assistantMessage(result)?.content;
  return Array.isArray(content) ? content.filter((block: unknown) => typeof block === 'object' && block !== null) : undefined;
}

function joined(result: MessageBatchResult | undefined, textIn: (block: Message['content'][number]) => string | undefined): string | undefined {
  return blocksOf(result)
    ?.map((block) => textIn(block) ?? '')
    .join('');
}
