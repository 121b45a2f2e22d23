/** One Temporal server for all tests of a file that leave it alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TemporalServer } from './temporal-server';

export function sharedTemporal(): { start(): Promise<TemporalServer>; stop(): Promise<void> } {
  let folder: string;
  let server: TemporalServer | undefined;
  return {
    async start() {
      folder = await mkdtemp(join(tmpdir(), 'message-batches-temporal-'));
      server = await TemporalServer.start(folder);
      return server;
    },
    async stop() {
      await server?.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
