/**
 * SIGKILL before and after each step from the first byte of results to the last output: another worker goes on to the truth.
 * `npm test` does one kill for each of the stream, the ledger, the merge and the report; `npm run test:long` does all, before and after.
 */
import { testSideBySide } from '../support/side-by-side';
import { expectTruth } from '../support/truth';
import type { StopAtStep, World } from '../support/world';

const REQUESTS = 2_000;

type Step = Omit<StopAtStep, 'signal' | 'when'>;

/** Nothing goes wrong but the kill: the working data is removed at the end. */
const CLEAN: [what: string, step: Step][] = [
  ['a segment is made', { operation: 'open', path: /segments\/g/ }],
  ['the first bytes are written', { operation: 'writev', path: /segments\/g/ }],
  ['the first sync', { operation: 'datasync', path: /segments\/g/ }],
  ['a later sync', { operation: 'datasync', path: /segments\/g/, nth: 2 }],
  ['the ledger is begun', { operation: 'open', path: /\.ledger\.bin\./ }],
  ['the ledger has its name', { operation: 'rename', path: /ledger\.bin$/ }],
  ['the merge is begun', { operation: 'open', path: /\.results\.jsonl/ }],
  ['the merge is written', { operation: 'writev', path: /\.results\.jsonl/ }],
  ['the merge is synced', { operation: 'datasync', path: /\.results\.jsonl/ }],
  ['results.jsonl has its name', { operation: 'rename', path: /\/results\.jsonl$/ }],
  ['results.index has its name', { operation: 'rename', path: /\/results\.index$/ }],
  ['.parts is removed', { operation: 'rm', path: /\.parts$/ }],
];

/** Some requests fail and one result is lost, so that there are all outputs. */
const ALL_OUTPUTS: [what: string, step: Step][] = [
  ['a line is put aside', { operation: 'rename', path: /\.parts\/.*\/quarantine-g0001\.jsonl$/ }],
  ['failed-requests.jsonl has its name', { operation: 'rename', path: /\/failed-requests\.jsonl$/ }],
  ['missing-requests.jsonl has its name', { operation: 'rename', path: /\/missing-requests\.jsonl$/ }],
  ['quarantine.jsonl has its name', { operation: 'rename', path: /\.results\/quarantine\.jsonl$/ }],
  ['the report has its name in the outputs', { operation: 'rename', path: /\.results\/report\.json$/ }],
  ['the report has its name in the job folder', { operation: 'rename', path: /jobs\/[^/]+\/report\.json$/ }],
];

/** One of each kind. After a step is as good as before the next one. */
const SHORT: Record<'before' | 'after', string[]> = {
  before: ['the first sync', 'the ledger has its name', 'results.jsonl has its name'],
  after: ['the report has its name in the job folder'],
};

const CASES = [...CLEAN.map((step) => ({ step, allOutputs: false })), ...ALL_OUTPUTS.map((step) => ({ step, allOutputs: true }))].flatMap(({ step: [what, step], allOutputs }) =>
  (['before', 'after'] as const).map((when) => ({ name: `${when} ${what}`, onlyLong: !SHORT[when].includes(what), step: { ...step, when }, allOutputs })),
);

testSideBySide(CASES, { timeoutMs: 120_000 }, async ({ step, allOutputs }, open) => {
  const world = await open({ supportsRange: true, resultsBytesPerSecond: 800_000, ...(allOutputs && { erroredShare: 0.1 }) });
  if (allOutputs) world.simulator.addFault({ on: 'results', kind: 'change-lines', change: 'unknown-custom-id', line: 7, times: Infinity });
  await expectTruthAfterKill(world, step);
});

async function expectTruthAfterKill(world: World, step: Omit<StopAtStep, 'signal'>): Promise<void> {
  const first = await world.startWorker({ stopAtStep: { ...step, signal: 'SIGKILL' } });
  const job = await world.startJob({ requests: await world.writeRequests(REQUESTS) });
  await first.stopped();
  await world.startWorker();
  await expectTruth(world, await job.result());
}
