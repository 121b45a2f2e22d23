/** HTTP: which call it is, the fault it meets, and the answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { checkAccess } from './access';
import { answerAdmin, ADMIN_PREFIX } from './admin';
import { failureAnswer, type Answer, type ResultsAnswer, type TextAnswer } from './answer';
import { ApiFailure } from './api-failure';
import { cancel, deleteBatch, list, retrieve } from './batch-calls';
import type { SimulatorContext } from './context';
import { create } from './create-call';
import { FaultyExchange } from './faulty-exchange';
import type { Call, Fault } from './faults';
import { newRequestId } from './ids';
import { BodyIncomplete, RequestBody } from './request-body';
import { results } from './results-call';
import { sendResults } from './send-results';
import type { SentResults } from './sent-results';

/** Stands on every answer, so that a simulated result can never pass for a real one. */
export const SIMULATION_HEADER = 'x-message-batches-simulation';

/** One HTTP request that is a call of the API. */
interface Exchange {
  call: Call;
  /** Empty for create and list. */
  batchId: string;
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
}

/**
 * @param running filled with what is being worked on, so that a closing simulator can wait for it
 */
export function createSimulatorServer(context: SimulatorContext, running: Set<Promise<void>>): Server {
  const server = createServer((request, response) => {
    const work = handle(request, response, context).finally(() => running.delete(work));
    running.add(work);
  });
  // A client may take its time with a large body, and tests freeze clients.
  server.requestTimeout = 0;
  return server;
}

/** Never rejects. */
async function handle(request: IncomingMessage, response: ServerResponse, context: SimulatorContext): Promise<void> {
  const requestId = newRequestId();
  response.setHeader(SIMULATION_HEADER, 'true');
  response.setHeader('date', new Date(context.now()).toUTCString());
  // A client that goes away is no error of the simulator.
  response.on('error', () => undefined);
  try {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const path = belowPrefix(url.pathname, context.pathPrefix);
    if (path.startsWith(ADMIN_PREFIX)) {
      sendText(response, await answerAdmin(request, path, url.searchParams, context), requestId);
      return;
    }
    const exchange = { ...route(request.method ?? 'GET', path), query: url.searchParams, request, response, requestId };
    context.calls[exchange.call]++;
    context.rateLimiter.receive(context.now());
    if (exchange.call === 'create') context.events.emit('create-received');
    await answerCall(exchange, context);
  } catch (error) {
    if (error instanceof BodyIncomplete || response.headersSent || context.closing.aborted) {
      response.destroy();
    } else {
      const failure = error instanceof ApiFailure ? error : new ApiFailure(500, `The simulator failed: ${(error as Error).message}`);
      sendText(response, failureAnswer(failure, requestId), requestId);
    }
  }
}

async function answerCall(exchange: Exchange, context: SimulatorContext): Promise<void> {
  const { call, batchId, request, response, requestId } = exchange;
  const fault = context.faults.take(call, batchId || undefined);
  if (fault?.kind === 'freeze') {
    context.events.emit('fault');
    return;
  }
  const body = new RequestBody(request);
  const faulty = fault && new FaultyExchange(fault, request, body, requestId, context);
  const instead = await faulty?.before();
  if (instead === 'no answer') return;
  let answer = instead ?? (await perform(exchange, body, context));
  // A call that was refused has taken no effect: what should happen after the effect does not apply.
  if (faulty && !instead && answer.status < 400) {
    const spoilt = await faulty.after(answer);
    if (spoilt === 'no answer') return;
    answer = spoilt;
  }
  if ('results' in answer) {
    response.setHeader('request-id', requestId);
    await sendCounted(exchange, answer, fault, context);
  } else {
    sendText(response, answer, requestId);
    body.ignoreRest();
    if (call === 'create' && answer.status === 200) context.events.emit('create-answered');
  }
}

/** Sends results and keeps count of what was sent, however it ends. */
async function sendCounted({ batchId, response }: Exchange, answer: ResultsAnswer, fault: Fault | undefined, context: SimulatorContext): Promise<void> {
  const sent: SentResults = { batchId, offset: answer.results.from, bytes: 0, open: true };
  context.sentResults.push(sent);
  try {
    await sendResults(response, answer, { fault, sent, context });
  } finally {
    sent.open = false;
    context.events.emit('results-closed');
  }
}

async function perform(exchange: Exchange, body: RequestBody, context: SimulatorContext): Promise<Answer> {
  const { call, batchId, query, request, requestId } = exchange;
  let headers: Record<string, string> = {};
  try {
    headers = checkAccess(request, query, context);
    const answer = await {
      create: () => create(request, body, context),
      retrieve: () => retrieve(batchId, context),
      list: () => list(query, context),
      cancel: () => cancel(batchId, context),
      delete: () => deleteBatch(batchId, context),
      results: () => results(batchId, request, context),
    }[call]();
    return { ...answer, headers: { ...headers, ...answer.headers } };
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    const answer = failureAnswer(error, requestId);
    return { ...answer, headers: { ...headers, ...answer.headers } };
  }
}

const ROUTES: Record<string, Partial<Record<string, Call>>> = {
  '': { POST: 'create', GET: 'list' },
  '/{id}': { GET: 'retrieve', DELETE: 'delete' },
  '/{id}/cancel': { POST: 'cancel' },
  '/{id}/results': { GET: 'results' },
};

/** The simulator's own endpoints are also found without the prefix. @throws ApiFailure */
function belowPrefix(path: string, prefix: string): string {
  if (path.startsWith(`${prefix}/`)) return path.slice(prefix.length);
  if (path.startsWith(ADMIN_PREFIX)) return path;
  throw new ApiFailure(404, 'Not found');
}

/** @throws ApiFailure */
function route(method: string, path: string): { call: Call; batchId: string } {
  const match = /^\/v1\/messages\/batches(?:\/([^/]+)(\/[^/]+)?)?$/.exec(path);
  const calls = match && ROUTES[`${match[1] === undefined ? '' : '/{id}'}${match[2] ?? ''}`];
  if (!calls) throw new ApiFailure(404, 'Not found');
  const call = calls[method];
  if (!call) throw new ApiFailure(405, 'Method Not Allowed', { headers: { allow: Object.keys(calls).join(', ') } });
  return { call, batchId: decode(match[1] ?? '') };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ApiFailure(404, 'Not found');
  }
}

function sendText(response: ServerResponse, answer: TextAnswer, requestId: string): void {
  if (!answer.fromProxy) response.setHeader('request-id', requestId);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(Buffer.byteLength(answer.body)) });
  response.end(answer.body);
}
