/** The official SDK with a simulator of its own. */
import Anthropic from '@anthropic-ai/sdk';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../src/simulator';
import { withFolder } from '../../simulator/support/simulation';
import { KEY } from './both-clients';

export interface World {
  simulator: Simulator;
  client: Anthropic;
}

/** A client of the SDK with options of its own. */
export function sdkAt(baseURL: string, options: object = {}): Anthropic {
  return new Anthropic({ apiKey: KEY, baseURL, maxRetries: 0, ...options });
}

export async function withSdk(options: Partial<SimulatorOptions>, use: (world: World) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const simulator = await startSimulator({ folder, keys: [KEY], ...options });
    try {
      await use({ simulator, client: sdkAt(simulator.url) });
    } finally {
      await simulator.close();
    }
  });
}

export function questions(count: number): Anthropic.Messages.BatchCreateParams.Request[] {
  return Array.from({ length: count }, (_, i) => ({
    custom_id: `question-${i}`,
    params: { model: 'claude-haiku-5-5', max_tokens: 1024, messages: [{ role: 'user', content: `What is ${i} * 23?` }] },
  }));
}
