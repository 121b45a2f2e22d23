/** Lets the official SDK and this client go through the same exchanges: same requests wanted, same answers given. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../src/simulator';
import { apiOf, KEY, sdkOf, throughApi, throughSdk, type BatchClient, type ClientSettings } from './both-clients';
import { expectEqualRequests } from './equal-requests';
import { RecordingServer, type GivenAnswer, type Reset, type SentRequest } from './recording-server';

export interface Setting {
  client?: Omit<ClientSettings, 'baseUrl'>;
  /** What follows the host in the base URL of both clients. */
  basePath?: string;
  /** Which of the SDK's two namespaces is used. */
  namespace?: 'messages' | 'beta';
}

export interface SimulatedSetting extends Setting {
  simulator?: Partial<SimulatorOptions>;
  /** Faults, for instance. */
  prepare?: (simulator: Simulator) => void;
}

export interface ScriptedSetting extends Setting {
  /** @param url where both clients think that the API is, for `results_url` */
  answers: (url: string) => (GivenAnswer | Reset)[];
}

/** What a scenario gave, or what it ended with. */
export type Outcome = { value: unknown } | { error: Error };

export interface BothRuns {
  /** What both sent; `expectEqualRequests` has been called. */
  requests: SentRequest[];
  sdk: Outcome;
  ours: Outcome;
}

/** A scenario may end a batch of the simulator's: the second time this happens by the answers that are played. */
export type Scenario = (client: BatchClient, endBatch: (id: string) => void) => Promise<unknown>;

/**
 * The SDK goes through the scenario first, against the simulator. Then this client does, and gets the very same answers.
 * Fails unless both sent the same requests.
 */
export async function againstSimulator(setting: SimulatedSetting, scenario: Scenario): Promise<BothRuns> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  const recorder = await RecordingServer.start();
  const pathPrefix = setting.basePath?.replace(/\/+$/, '');
  const simulator = await startSimulator({ folder, keys: [KEY], pathPrefix, resultsUrlBase: recorder.url + (pathPrefix ?? ''), ...setting.simulator });
  try {
    setting.prepare?.(simulator);
    recorder.passOn(new URL(simulator.url).origin);
    return await bothRuns(recorder, setting, scenario, (id) => simulator.endBatch(id));
  } finally {
    await simulator.close();
    await recorder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same with answers that are written down in the test. */
export async function againstScript(setting: ScriptedSetting, scenario: Scenario): Promise<BothRuns> {
  const recorder = await RecordingServer.start();
  try {
    recorder.play(setting.answers(recorder.url));
    return await bothRuns(recorder, setting, scenario, () => undefined);
  } finally {
    await recorder.close();
  }
}

/** Fails unless both gave the same; gives it. */
export function sameValue({ sdk, ours }: BothRuns): unknown {
  expect(ours).toEqual(sdk);
  if ('error' in sdk) throw sdk.error;
  return sdk.value;
}

async function bothRuns(recorder: RecordingServer, { client, basePath = '', namespace }: Setting, scenario: Scenario, endBatch: (id: string) => void): Promise<BothRuns> {
  const settings = { ...client, baseUrl: recorder.url + basePath };
  const sdk = await outcome(scenario(throughSdk(sdkOf(settings), namespace), endBatch));
  const { exchanges } = recorder;
  recorder.play(exchanges.map(({ answer }) => answer));
  const api = apiOf(settings);
  const ours = await outcome(scenario(throughApi(api), () => undefined));
  await api.close();
  // One that ended early would show up as requests that are missing.
  if ('error' in ours && !('error' in sdk)) throw ours.error;
  if ('error' in sdk && !('error' in ours)) throw sdk.error;
  const requests = exchanges.map(({ request }) => request);
  expectEqualRequests(requests, recorder.requests);
  return { requests, sdk, ours };
}

function outcome(work: Promise<unknown>): Promise<Outcome> {
  return work.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  );
}
