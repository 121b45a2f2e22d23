/** Both clients beside each other on the same answers, for what they do differently. */
import type Anthropic from '@anthropic-ai/sdk';
import { MessageBatchesApi } from '../../../src/api';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../src/simulator';
import { withFolder } from '../../simulator/support/simulation';
import { apiOf, KEY, sdkOf, type ClientSettings, type Requests } from './both-clients';
import { inShort } from './equal-requests';
import { json, RecordingServer, type GivenAnswer, type Reset } from './recording-server';

export const BATCHES = '/v1/messages/batches';
export const REQUESTS: Requests = [{ custom_id: 'a', params: { model: 'claude-haiku-5-5', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] } }];

export function batch(more: object = {}): object {
  return { id: 'msgbatch_1', type: 'message_batch', processing_status: 'ended', results_url: null, ...more };
}

export function page(ids: string[], has_more: boolean): GivenAnswer {
  return json(200, { data: ids.map((id) => batch({ id })), has_more, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null });
}

export interface Sides {
  sdk: Anthropic;
  ours: MessageBatchesApi;
  recorder: RecordingServer;
  /** From now on these answers; what was asked before is forgotten. */
  answers(...answers: (GivenAnswer | Reset)[]): void;
  /** Requests since then. */
  asked(): string[];
}

export async function withBoth(settings: Omit<ClientSettings, 'baseUrl'> & { basePath?: string }, use: (sides: Sides) => Promise<void>): Promise<void> {
  const recorder = await RecordingServer.start();
  const { basePath = '', ...common } = settings;
  const client = { ...common, baseUrl: recorder.url + basePath };
  const ours = apiOf(client);
  try {
    await use({ sdk: sdkOf(client), ours, recorder, answers: (...answers) => recorder.play(answers), asked: () => recorder.requests.map(inShort) });
  } finally {
    await ours.close();
    await recorder.close();
  }
}

export async function withSimulatedBatch(options: Partial<SimulatorOptions>, use: (sides: { sdk: Anthropic; ours: MessageBatchesApi; simulator: Simulator; id: string }) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const simulator = await startSimulator({ folder, processingMs: 0, ...options });
    const ours = new MessageBatchesApi({ baseUrl: simulator.url, credential: { kind: 'bearer', token: KEY }, maxRetries: 0, idleTimeoutMs: 200 });
    try {
      const requests = Array.from({ length: 10 }, (_, i) => ({ ...REQUESTS[0]!, custom_id: `secret-${i}` }));
      const { id } = (await ours.create({ requests })).data;
      await use({ sdk: sdkOf({ baseUrl: simulator.url }), ours, simulator, id });
    } finally {
      await ours.close();
      await simulator.close();
    }
  });
}

/** What a call rejects or throws with; fails where it gives something. */
export async function rejection(call: () => Promise<unknown>): Promise<any> {
  let value: unknown;
  try {
    value = await call();
  } catch (error) {
    return error;
  }
  throw new Error(`It gave ${JSON.stringify(value)}.`);
}
