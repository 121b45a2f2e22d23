/** The simulator's own endpoints, for tests in other processes. They need no key. */
import type { IncomingMessage } from 'node:http';
import { jsonAnswer, type TextAnswer } from './answer';
import { ApiFailure, invalidRequest } from './api-failure';
import { describeBatch, endBatch, findBatch } from './batch-calls';
import { isObject } from './check-request';
import type { SimulatorContext } from './context';
import type { EventName } from './events';
import type { Fault } from './faults';
import { parse, stringify } from './json';
import { changeOptions } from './options';
import { RequestBody } from './request-body';
import { statsOf } from './stats';

export const ADMIN_PREFIX = '/simulator/';
const MAX_BODY_BYTES = 1_000_000;

/**
 * GET stats · GET wait?event=…&count=… · GET, POST, DELETE faults · GET, POST options · POST batches/{id}/end
 * @throws ApiFailure
 */
export async function answerAdmin(request: IncomingMessage, path: string, query: URLSearchParams, context: SimulatorContext): Promise<TextAnswer> {
  const target = `${request.method} ${path.slice(ADMIN_PREFIX.length)}`;
  try {
    switch (target) {
      case 'GET stats':
        return jsonAnswer(statsOf(context));
      case 'GET wait':
        return await wait(query, context);
      case 'GET faults':
        return admin(context.faults.pending());
      case 'POST faults': {
        const given = await readJson(request);
        for (const fault of Array.isArray(given) ? given : [given]) context.faults.add(fault as Fault);
        return admin(context.faults.pending());
      }
      case 'DELETE faults':
        context.faults.clear();
        return admin([]);
      case 'GET options':
        return admin(shownOptions(context));
      case 'POST options': {
        const changes = await readJson(request);
        if (!isObject(changes)) throw new RangeError('Send a JSON object with the options to change.');
        context.options = changeOptions(changes, context.options);
        return admin(shownOptions(context));
      }
      default:
        return await batchEnd(target, context);
    }
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) throw invalidRequest(error.message);
    throw error;
  }
}

async function wait(query: URLSearchParams, context: SimulatorContext): Promise<TextAnswer> {
  const event = query.get('event') as EventName;
  const count = Number(query.get('count') ?? 1);
  if (!Number.isInteger(count) || count < 0) throw new RangeError('count must be a whole number from 0.');
  await context.events.waitFor(event, count);
  return jsonAnswer({ event, count });
}

async function batchEnd(target: string, context: SimulatorContext): Promise<TextAnswer> {
  const id = /^POST batches\/([^/]+)\/end$/.exec(target)?.[1];
  if (id === undefined) {
    throw new ApiFailure(404, 'The simulator has GET stats, GET wait, GET, POST and DELETE faults, GET and POST options, POST batches/{id}/end.');
  }
  endBatch(id, context);
  return jsonAnswer(await describeBatch(findBatch(id, context), context));
}

/** Without the keys. */
function shownOptions(context: SimulatorContext): unknown {
  return { ...context.options, keys: undefined };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  return parse(await new RequestBody(request).text(MAX_BODY_BYTES));
}

function admin(value: unknown): TextAnswer {
  return { ...jsonAnswer(undefined), body: stringify(value) };
}
