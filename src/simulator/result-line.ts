/** One line of a batch's results. */
import type { Message } from '@anthropic-ai/sdk/resources/messages/messages';
import type { MessageBatchIndividualResponse, MessageBatchResult } from '@anthropic-ai/sdk/resources/messages/batches';
import { answerTo, beginning } from './answers';
import { errorEnvelope } from './api-failure';
import { paramsProblem } from './check-params';
import type { CheckedRequest } from './check-request';
import type { DrawnOutcome } from './draw';
import type { CacheUse } from './prompt-cache';
import { messageId, resultRequestId } from './ids';
import { structuredAnswer, UnsupportedSchema } from './structured-answer';

/** The outcomes that a request can have by itself; `canceled` comes from outside. */
export type OwnOutcome = 'succeeded' | 'errored' | 'expired';

export interface ResultLine {
  customId: string;
  outcome: OwnOutcome;
  /** With its line feed. */
  line: string;
}

export interface ResultContext {
  batchId: string;
  apiVersion: string;
  answerBytes: number;
  usageFactor: number;
  /** Of a request that asks for the prompt cache. */
  cache?: CacheUse;
}

/** A rough figure that grows with the text, as the API's own does. */
const CHARACTERS_A_TOKEN = 4;
const PADDING = ' This sentence only makes the simulated answer longer.';

/**
 * What the results will say about a request if the batch is neither canceled nor too old before.
 * @param requestBytes length of the request, from which its input tokens are guessed
 * @param index place in the list of requests, from which ids are made
 */
export function resultLine(request: CheckedRequest, drawn: DrawnOutcome, requestBytes: number, index: number, context: ResultContext): ResultLine {
  const result = resultOf(request, drawn, requestBytes, index, context);
  return { customId: request.customId, outcome: result.type, line: encode(request.customId, result) };
}

/** The line of a request that the batch's end overtook. */
export function overtakenLine(customId: string, outcome: 'canceled' | 'expired'): string {
  return encode(customId, { type: outcome });
}

/** The custom_id of a line made here, without parsing it. */
export function customIdOfLine(line: Buffer): string {
  const from = '{"custom_id":"'.length;
  return line.toString('latin1', from, line.indexOf(0x22, from));
}

function encode(customId: string, result: MessageBatchResult): string {
  const response: MessageBatchIndividualResponse = { custom_id: customId, result };
  return `${JSON.stringify(response)}\n`;
}

function resultOf(
  request: CheckedRequest,
  drawn: DrawnOutcome,
  requestBytes: number,
  index: number,
  context: ResultContext,
): Exclude<MessageBatchResult, { type: 'canceled' }> {
  const errored = (type: string, message: string) => ({
    type: 'errored' as const,
    error: errorEnvelope(type, message, resultRequestId(context.batchId, index)),
  });
  const problem = paramsProblem(request.params, context.apiVersion);
  if (problem) return errored('invalid_request_error', problem);
  const answer = answerOf(request);
  if ('problem' in answer) return errored('invalid_request_error', answer.problem);
  if (drawn === 'errored') return errored('invalid_request_error', 'Simulated: this request was chosen to be refused.');
  if (drawn === 'overloaded') return errored('overloaded_error', 'Overloaded');
  if (drawn === 'expired') return { type: 'expired' };
  return { type: 'succeeded', message: message(request, answer, requestBytes, index, context) };
}

interface MadeAnswer {
  text: string;
  /** What makes it longer without changing what it is. */
  padding: string;
}

function answerOf({ customId, params }: CheckedRequest): MadeAnswer | { problem: string } {
  const text = answerTo(params['messages'] as unknown[]);
  try {
    const json = structuredAnswer(params, customId, text);
    return json === undefined ? { text, padding: PADDING } : { text: json, padding: ' ' };
  } catch (error) {
    if (error instanceof UnsupportedSchema) return { problem: error.message };
    throw error;
  }
}

function message({ params }: CheckedRequest, { text: whole, padding }: MadeAnswer, requestBytes: number, index: number, context: ResultContext): Message {
  const { model, max_tokens: maxTokens } = params as { model: string; max_tokens: number };
  const room = maxTokens * CHARACTERS_A_TOKEN;
  const cut = whole.length > room;
  const text = (cut ? beginning(whole, room) : whole).padEnd(context.answerBytes, padding);
  return {
    id: messageId(context.batchId, index),
    type: 'message',
    role: 'assistant',
    model,
    content: text === '' ? [] : [{ type: 'text', text, citations: null }],
    stop_reason: cut ? 'max_tokens' : 'end_turn',
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: usage(requestBytes, text.length, context),
  };
}

function usage(requestBytes: number, answerLength: number, { usageFactor, cache }: ResultContext): Message['usage'] {
  const tokens = (characters: number): number => Math.ceil(Math.ceil(characters / CHARACTERS_A_TOKEN) * usageFactor);
  const { readBytes, writtenBytes, anHour } = cache ?? { readBytes: 0, writtenBytes: 0, anHour: false };
  const written = tokens(writtenBytes);
  return {
    input_tokens: tokens(Math.max(0, requestBytes - readBytes - writtenBytes)),
    output_tokens: tokens(answerLength),
    output_tokens_details: null,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: tokens(readBytes),
    cache_creation: { ephemeral_5m_input_tokens: anHour ? 0 : written, ephemeral_1h_input_tokens: anHour ? written : 0 },
    server_tool_use: null,
    service_tier: 'batch',
    inference_geo: null,
    speed: null,
  };
}
