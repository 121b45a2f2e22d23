/** Which requests go wrong, and for how long. */
import { createBatch, numbered, resultsOf, withSimulator } from './support/simulation';
import type { Simulator } from '../../src/simulator';

async function typesOf(simulator: Simulator, requests: number): Promise<Map<string, string>> {
  const results = await resultsOf(simulator.url, await createBatch(simulator.url, numbered(requests)));
  return new Map([...results].map(([id, result]) => [id, result.type === 'errored' ? result.error.error.type : result.type]));
}

const shareOf = (types: Map<string, string>, type: string): number => [...types.values()].filter((other) => other === type).length / types.size;

test('the shares are met, each with its own kind of result', async () => {
  await withSimulator({ processingMs: 0, expiredShare: 0.1, overloadedShare: 0.05, erroredShare: 0.2 }, async (simulator) => {
    const types = await typesOf(simulator, 5000);
    expect(shareOf(types, 'expired')).toBeCloseTo(0.1, 1);
    expect(shareOf(types, 'overloaded_error')).toBeCloseTo(0.05, 1);
    expect(shareOf(types, 'invalid_request_error')).toBeCloseTo(0.2, 1);
    expect(shareOf(types, 'succeeded')).toBeCloseTo(0.65, 1);
    for (const type of ['expired', 'overloaded_error', 'invalid_request_error']) expect(shareOf(types, type)).toBeGreaterThan(0.03);
  });
});

test('another simulator chooses the same requests', async () => {
  const options = { processingMs: 0, expiredShare: 0.5 };
  const [one, other] = await Promise.all([withSimulator(options, (simulator) => typesOf(simulator, 100)), withSimulator(options, (simulator) => typesOf(simulator, 100))]);
  expect(one).toEqual(other);
});

test('all succeed when they are sent again', async () => {
  await withSimulator({ processingMs: 0, expiredShare: 0.5, overloadedShare: 0.5 }, async (simulator) => {
    expect(shareOf(await typesOf(simulator, 50), 'succeeded')).toBe(0);
    expect(shareOf(await typesOf(simulator, 50), 'succeeded')).toBe(1);
    // One that comes for the first time is met, whatever comes with it.
    expect([...await typesOf(simulator, 51)].filter(([, type]) => type !== 'succeeded').map(([id]) => id)).toEqual(['request-50']);
  });
});

test('faultyAttempts: so many times, or always; and it can be changed', async () => {
  await withSimulator({ processingMs: 0, expiredShare: 1, faultyAttempts: 2 }, async (simulator) => {
    const shares = [];
    for (let attempt = 0; attempt < 3; attempt++) shares.push(shareOf(await typesOf(simulator, 10), 'expired'));
    expect(shares).toEqual([1, 1, 0]);
    simulator.setOptions({ faultyAttempts: Infinity });
    expect(shareOf(await typesOf(simulator, 10), 'expired')).toBe(1);
  });
});

test('a create that was refused does not count as an attempt', async () => {
  await withSimulator({ processingMs: 0, expiredShare: 1 }, async (simulator) => {
    simulator.addFault({ on: 'create', kind: 'status', status: 500 });
    await expect(createBatch(simulator.url, numbered(10))).rejects.toThrow('500');
    await expect(createBatch(simulator.url, numbered(10).replace('request-9', 'request-8'))).rejects.toThrow('400');
    expect(shareOf(await typesOf(simulator, 10), 'expired')).toBe(1);
  });
});
