/**
 * A process that makes one create and can be frozen while it does. It gives all but the last bytes of the body, says
 * `waiting`, goes on when told to, and reports how the create ended.
 */
import { MessageBatchesApi, type ProxySettings } from '../../../src/api';

export interface ChildJob {
  url: string;
  contentLength: number;
  chunkBytes: number;
  /** How many bytes are given only after `go`; 0: all are given at once. */
  bytesAfterGo: number;
  /** Ms from the moment the create begins. */
  deadlineMs: number;
  proxy?: ProxySettings;
}

export type ChildMessage =
  | { event: 'begun'; deadline: number }
  | { event: 'waiting' }
  | { event: 'ended'; error?: { name: string; message: string; outcomeKnown?: boolean; sent?: string }; maxRssGrowthMb: number };

function tell(message: ChildMessage): void {
  process.send!(message);
}

async function* body(job: ChildJob): AsyncGenerator<Buffer> {
  const atOnce = job.contentLength - job.bytesAfterGo;
  for (let given = 0; given < atOnce; given += job.chunkBytes) yield Buffer.alloc(Math.min(job.chunkBytes, atOnce - given), 0x78);
  if (job.bytesAfterGo === 0) return;
  const go = new Promise((resolve) => process.once('message', resolve));
  tell({ event: 'waiting' });
  await go;
  yield Buffer.alloc(job.bytesAfterGo, 0x78);
}

async function main(): Promise<void> {
  const job = JSON.parse(process.argv[2]!) as ChildJob;
  const api = new MessageBatchesApi({ baseUrl: job.url, proxy: job.proxy, maxRetries: 0 });
  const deadline = new Date(Date.now() + job.deadlineMs);
  const before = process.resourceUsage().maxRSS;
  tell({ event: 'begun', deadline: deadline.getTime() });
  const error = await api.create({ contentLength: job.contentLength, chunks: body(job) }, { deadline }).then(
    () => undefined,
    (reason: Error & { outcomeKnown?: boolean; sent?: string }) => ({ name: reason.name, message: reason.message, outcomeKnown: reason.outcomeKnown, sent: reason.sent }),
  );
  tell({ event: 'ended', error, maxRssGrowthMb: (process.resourceUsage().maxRSS - before) / 1024 });
  process.disconnect();
}

void main();
