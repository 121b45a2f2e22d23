/** A simulator in a folder of its own, and bare HTTP to talk to it: what stands on the wire is what is tested. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../src/simulator';

export const HEADERS = { 'x-api-key': 'test-key', 'anthropic-version': '2023-06-01' };
export const BATCHES = '/v1/messages/batches';

export type Body = string | Uint8Array;

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** The body parsed, where it is JSON. */
  json: any;
}

/** Starts a simulator for the time of one test. */
export async function withSimulator<T>(options: Partial<SimulatorOptions>, use: (simulator: Simulator, folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const simulator = await startSimulator({ folder, ...options });
    try {
      return await use(simulator, folder);
    } finally {
      await simulator.close();
    }
  });
}

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A clock that a test moves. */
export class Clock {
  time = Date.UTC(2026, 10, 1, 12, 0, 0, 123);
  readonly now = (): number => this.time;

  advance(ms: number): void {
    this.time += ms;
  }
}

export async function send(url: string, method: string, path: string, options: { body?: Body; headers?: Record<string, string> } = {}): Promise<Reply> {
  const answer = await fetch(url + path, { method, headers: options.headers ?? HEADERS, body: options.body });
  const text = await answer.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON: a test that needs it will say so.
  }
  return { status: answer.status, headers: answer.headers, text, json };
}

export function get(url: string, path = '', headers?: Record<string, string>): Promise<Reply> {
  return send(url, 'GET', BATCHES + path, { headers });
}

export function post(url: string, path: string, body?: Body, headers?: Record<string, string>): Promise<Reply> {
  return send(url, 'POST', BATCHES + path, { body, headers });
}

export function del(url: string, path: string): Promise<Reply> {
  return send(url, 'DELETE', BATCHES + path);
}

export const PARAMS = { model: 'claude-haiku-5-5', max_tokens: 1024, messages: [{ role: 'user', content: 'What is 17 * 23?' }] };

export function request(customId: string, params: object = PARAMS): { custom_id: string; params: object } {
  return { custom_id: customId, params };
}

export function bodyOf(...requests: unknown[]): string {
  return JSON.stringify({ requests });
}

export function numbered(count: number, prefix = 'request-'): string {
  return bodyOf(...Array.from({ length: count }, (_, index) => request(`${prefix}${index}`)));
}

/** Creates a batch that must be accepted; gives its id. */
export async function createBatch(url: string, body: Body = bodyOf(request('a'))): Promise<string> {
  const reply = await post(url, '', body);
  if (reply.status !== 200) throw new Error(`create was answered ${reply.status}: ${reply.text}`);
  return reply.json.id as string;
}

/** The results of an ended batch, by custom_id. */
export async function resultsOf(url: string, id: string): Promise<Map<string, any>> {
  return new Map((await resultLines(url, id)).map((line) => [line.custom_id, line.result]));
}

export async function resultLines(url: string, id: string): Promise<{ custom_id: string; result: any }[]> {
  const reply = await get(url, `/${id}/results`);
  if (reply.status !== 200) throw new Error(`results were answered ${reply.status}: ${reply.text}`);
  return parseLines(reply.text);
}

export function parseLines(text: string): { custom_id: string; result: any }[] {
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
}

/** The result of one request with these params, in a batch that ended at once. */
export async function outcomeOf(params: object, headers: Record<string, string> = HEADERS): Promise<any> {
  return withSimulator({ processingMs: 0 }, async ({ url }) => {
    const reply = await post(url, '', bodyOf(request('a', params)), headers);
    expect(reply.status).toBe(200);
    return (await resultsOf(url, reply.json.id)).get('a');
  });
}
