/** Tables of facts: one row for every statement about the API's calls, states and errors that the simulator keeps to. */
import type { Simulator, SimulatorOptions } from '../../../src/simulator';
import { Clock, withSimulator } from './simulation';

export type Fact = [fact: string, options: Partial<SimulatorOptions>, expectFact: (simulator: Simulator, clock: Clock) => Promise<void>];

export const DAY = 24 * 60 * 60 * 1000;
/** Batches that have ended when create answers, and batches that never end by themselves. */
export const ENDED = { processingMs: 0 };
export const OPEN = { processingMs: Infinity };

/** One test a row, each with a simulator of its own on a clock that the test moves. */
export function describeFacts(title: string, facts: Fact[]): void {
  describe(title, () => {
    test.each(facts)('%s', async (_fact, options, expectFact) => {
      const clock = new Clock();
      await withSimulator({ now: clock.now, ...options }, (simulator) => expectFact(simulator, clock));
    });
  });
}
