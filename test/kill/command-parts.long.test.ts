/** Jobs of ten parts as a person has them: what a command says when it waits for somebody or is stopped, and the same command again. */
import type { TenParts } from './support/ten-parts';
import { expectGoesOnAfter, testsOfTenParts } from './support/ten-parts';

const together = testsOfTenParts();

interface Trouble {
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
    name: 'a spend limit is reached',
    breakIt: ({ simulator }) => simulator.addFault({ on: 'create', kind: 'status', status: 429, errorCode: 'enforced_spend_limit_reached', times: Infinity }),
    mend: ({ simulator }) => simulator.clearFaults(),
    does: /message-batches resume/,
    says: /429|limit/i,
  },
];

for (const { name, breakIt, mend, does, says } of TROUBLES) {
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

together('SIGTERM with parts that wait, are processed and stored: the same command attaches, and ends it', (parts) => expectGoesOnAfter(parts, 'SIGTERM', 143));
