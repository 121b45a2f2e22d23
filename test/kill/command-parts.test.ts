/**
 * Jobs of ten parts as a person has them: what a command says when it waits for somebody, is stopped or killed, and the same command again.
 * `npm run test:long` also has a spend limit and SIGTERM.
 */
import type { Variant } from '../support/long-form';
import { ofThisForm } from '../support/long-form';
import type { TenParts } from './support/ten-parts';
import { testsOfTenParts } from './support/ten-parts';

const together = testsOfTenParts();

interface Trouble extends Variant {
  name: string;
  breakIt(parts: TenParts): void;
  mend(parts: TenParts): void;
  /** What to do, and what it is about. */
  does: RegExp;
  says: RegExp;
}

const TROUBLES: Trouble[] = [
  { name: 'the key is switched off', breakIt: ({ simulator }) => simulator.setKeys(['other-key']), mend: ({ simulator }) => simulator.setKeys(), does: /ANTHROPIC_API_KEY/, says: /key/ },
  {
    onlyLong: true,
    name: 'a spend limit is reached',
    breakIt: ({ simulator }) => simulator.addFault({ on: 'create', kind: 'status', status: 429, errorCode: 'enforced_spend_limit_reached', times: Infinity }),
    mend: ({ simulator }) => simulator.clearFaults(),
    does: /message-batches resume/,
    says: /429|limit/i,
  },
];

for (const { name, breakIt, mend, does, says } of ofThisForm(TROUBLES)) {
  together(`${name} in the middle: exit 4, what to do, and the same command goes on`, async (parts) => {
    const { world, simulator, run, real } = parts;
    const first = world.start(run, real);
    await simulator.waitFor('create-accepted', 6);
    breakIt(parts);
    // Room for the next ones, which meet it.
    simulator.endBatch(simulator.stats().accepted[0]!.id);
    const { code, stderr } = await first.ended();
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(does) });
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('good-key');
    mend(parts);
    parts.endBatches();
    await parts.expectDoneOnce(await world.run(run, real));
  });
}

const SIGNALS: (Variant & { signal: NodeJS.Signals; exitCode: number | null })[] = [
  { signal: 'SIGTERM', exitCode: 143, onlyLong: true },
  { signal: 'SIGKILL', exitCode: null },
];

for (const { signal, exitCode } of ofThisForm(SIGNALS)) {
  together(`${signal} with parts that wait, are processed and stored: the same command attaches, and ends it`, async (parts) => {
    const { world, simulator, run, real } = parts;
    simulator.setOptions({ answerBytes: 2_000, resultsBytesPerSecond: 20_000 });
    const first = world.start(run, real);
    await simulator.waitFor('create-accepted', 6);
    for (const { id } of simulator.stats().accepted.slice(0, 2)) simulator.endBatch(id);
    await simulator.waitFor('results-started');
    expect((await first.signal(signal)).code).toBe(exitCode);
    const again = world.start(run, real);
    parts.endBatches();
    await parts.expectDoneOnce(await again.ended());
  });
}
