/** Records the histories of one release: `npm run record-histories`. See README.md beside this file. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { batchWorkflowId, jobWorkflowId } from '../../src/contract';
import { World } from '../support/world';

const { version } = require('../../package.json') as { version: string };
let world: World;

afterEach(() => world.close());

function record(workflowId: string, scenario: string): void {
  const args = ['workflow', 'show', '--address', world.temporal.address, '--workflow-id', workflowId, '--output', 'json'];
  const history = execFileSync(process.env['TEMPORAL_CLI_PATH']!, args, { maxBuffer: 64 * 1024 * 1024 });
  writeFileSync(join(__dirname, 'histories', `${version}-${scenario}.json`), history);
}

test('two rounds', async () => {
  world = await World.create({ expiredShare: 0.3 });
  await world.startWorker();
  await world.runJob({ requests: await world.writeRequests(30), maxRequestsPerBatch: 20 });
  record(jobWorkflowId(world.jobId), 'job-two-rounds');
  record(batchWorkflowId(world.jobId, 1, 1), 'batch');
});

test('a create whose answer was lost', async () => {
  world = await World.create();
  world.simulator.addFault({ on: 'create', kind: 'lose-answer' });
  await world.startWorker();
  await world.runJob({ requests: await world.writeRequests(20) });
  record(batchWorkflowId(world.jobId, 1, 1), 'batch-reconciled');
});

test('canceled while polling', async () => {
  world = await World.create({ processingMs: 10_000 });
  await world.startWorker();
  const job = await world.startJob({ requests: await world.writeRequests(20) });
  await world.simulator.waitFor('poll', 2);
  await job.signal('cancel');
  await job.result();
  record(jobWorkflowId(world.jobId), 'job-canceled');
  record(batchWorkflowId(world.jobId, 1, 1), 'batch-canceled');
});
