/** One Temporal server for all tests of a file that leave it alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TemporalServer } from './temporal-server';

/** @param dynamicConfig settings of the server, `KEY=VALUE`. */
export function sharedTemporal(dynamicConfig: readonly string[] = []): { start(): Promise<TemporalServer>; stop(): Promise<void> } {
  let folder: string;
  let server: TemporalServer | undefined;
  return {
    async start() {
      folder = await mkdtemp(join(tmpdir(), 'message-batches-temporal-'));
      server = await TemporalServer.start(folder, dynamicConfig);
      return server;
    },
    async stop() {
      await server?.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
