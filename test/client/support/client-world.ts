/** A world for each test of a file, on one Temporal server, and the client of it. */
import { join } from 'node:path';
import type { StartJobOptions } from '../../../src/client';
import { MessageBatchesClient } from '../../../src/client';
import { activityTaskQueue } from '../../../src/contract';
import type { SimulatorOptions } from '../../../src/simulator';
import { openStorageRoot } from '../../../src/storage';
import { sharedTemporal } from '../../support/shared-temporal';
import type { TemporalServer } from '../../support/temporal-server';
import { World } from '../../support/world';

/** Of each job. */
export const REQUESTS = 20;

export interface ClientWorld {
  begin(options?: Partial<SimulatorOptions>): Promise<{ world: World; batches: MessageBatchesClient }>;
  /** With what a job of the world is started. */
  startOptions(more?: Partial<StartJobOptions>): Promise<StartJobOptions>;
}

/** Called once in a file: what a test begins is closed after it. */
export function useClient(): ClientWorld {
  const shared = sharedTemporal();
  let temporal: TemporalServer;
  let world: World;
  let jobs = 0;

  beforeAll(async () => {
    temporal = await shared.start();
  });
  afterAll(() => shared.stop());
  afterEach(() => world.close());

  return {
    async begin(options) {
      world = await World.create(options, temporal);
      return { world, batches: new MessageBatchesClient({ client: await world.client() }) };
    },
    async startOptions(more = {}) {
      const id = more.id ?? `job-${process.pid}-${++jobs}`;
      const { id: storageId } = await openStorageRoot(world.storage);
      return {
        id,
        requests: await world.writeRequests(REQUESTS),
        account: world.account,
        activityTaskQueue: activityTaskQueue(world.account, storageId),
        output: join(world.folder, `${id}.results`),
        ...more,
      };
    },
  };
}
