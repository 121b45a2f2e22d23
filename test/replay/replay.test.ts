/** Today's workflows replay the histories of every release, so running jobs survive an upgrade. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { workflowBundle } from '../support/workflow-bundle';

const HISTORIES = join(__dirname, 'histories');


beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

const names = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));

test('there are histories to replay', () => {
  expect(names.length).toBeGreaterThan(0);
});

test.each(names)('%s', async (name) => {
  const history: unknown = JSON.parse(readFileSync(join(HISTORIES, name), 'utf8'));
  await expect(Worker.runReplayHistory(workflowBundle(), history)).resolves.toBeUndefined();
});
