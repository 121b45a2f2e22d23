import type { ResultsStream } from '../../../api';
import type { Output } from '../../output';
import type { ReceivedResults } from './received-results';

const DRAW_EVERY_MS = 200;

/** Shows on a terminal's stderr how much has come; nothing elsewhere. */
export async function downloadProgress(out: Output, { offset, contentLength }: ResultsStream, received: ReceivedResults): Promise<{ close(): void } | undefined> {
  if (!out.interactive) return undefined;
  const [{ createLogUpdate }, { formats }] = await Promise.all([import('log-update'), out.progressRendering()]);
  const line = createLogUpdate(process.stderr);
  const total = contentLength === undefined ? '' : ` of ${formats.bytes(offset + contentLength)}`;
  const timer = setInterval(() => line(`${formats.bytes(received.end)}${total}`), DRAW_EVERY_MS);
  return {
    close() {
      clearInterval(timer);
      line.clear();
      line.done();
    },
  };
}
