/** A home, and an API to go with it, for all tests of a file. */
import { join } from 'node:path';
import type { Simulator } from '../../../src/simulator';
import { startSimulator } from '../../../src/simulator';
import { CliWorld } from './cli-world';

export interface SimulatedApi {
  world: CliWorld;
  simulator: Simulator;
  /** As for the real API: a key, and a base URL, which here is the simulator's. */
  api: Record<string, string>;
}

/** Opens them before the tests and closes them after the last; before each, the API is as good as new: all succeeds, and at once. */
export function useSimulatedApi(opened: (opened: SimulatedApi) => void): void {
  let world: CliWorld;
  let simulator: Simulator;

  beforeAll(async () => {
    world = await CliWorld.create();
    simulator = await startSimulator({ folder: join(world.folder, 'api'), processingMs: 0 });
    opened({ world, simulator, api: { ANTHROPIC_BASE_URL: simulator.url, ANTHROPIC_API_KEY: 'test-key' } });
  });
  afterAll(async () => {
    await world.close();
    await simulator.close();
  });
  beforeEach(() => {
    simulator.clearFaults();
    simulator.setKeys();
    simulator.setOptions({ processingMs: 0, erroredShare: 0, overloadedShare: 0, expiredShare: 0 });
  });
}
