/**
 * How a background process and its starter agree that it runs. Over the IPC channel between them:
 * the process says `{ready: true, …info}`, the starter puts it on record, says `{recorded: true}` and closes the channel.
 * A process whose starter died before that is in nobody's books, and ends itself.
 */
import type { ChildProcess } from 'node:child_process';
import { LocalError } from './local-error';

type Answer = { info: Record<string, unknown>; letGo: () => void } | { failed: string };

/**
 * For the process in the background: tells its starter that it is ready. Returns at once where nobody waits, as it was
 * started by hand.
 * @param info goes on record; no secrets.
 * @throws LocalError `background_not_recorded` where the starter has died: the process has to end.
 */
export async function announceReady(info: Record<string, unknown> = {}): Promise<void> {
  if (!process.send) return;
  await new Promise<void>((resolve, reject) => {
    const orphaned = (): void =>
      reject(new LocalError('background_not_recorded', 'The command that started this background process has ended before it was ready.', 'Run that command again.'));
    process.once('disconnect', orphaned);
    process.once('message', () => {
      process.off('disconnect', orphaned);
      resolve();
    });
    process.send?.({ ...info, ready: true }, (error: Error | null) => {
      if (error) orphaned();
    });
  });
}

/**
 * For the starter: waits until the process is ready, has ended, or the signal comes.
 * `letGo` tells the process that it is on record.
 */
export function whenReady(child: ChildProcess, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ failed: error.message }));
    child.once('exit', (code, by) => resolve({ failed: by ? `it was ended by ${by}` : `it ended with exit code ${code}` }));
    signal.addEventListener('abort', () => resolve({ failed: 'it was not ready in time' }), { once: true });
    child.on('message', (message: { ready?: unknown } & Record<string, unknown>) => {
      const { ready, ...info } = message;
      if (ready === true) resolve({ info, letGo: () => letGo(child) });
    });
  });
}

function letGo(child: ChildProcess): void {
  // It may have died in this very moment; whoever looks for it will see.
  if (!child.connected) return;
  child.send({ recorded: true }, () => {
    if (child.connected) child.disconnect();
  });
}
