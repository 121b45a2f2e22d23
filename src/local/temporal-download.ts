/** Lets the TypeScript SDK download the `temporal` program, where there is neither one nor Go to build it with. */
import type { Home } from './home';
import { withLock } from './lock';
import type { ProcessIdentity } from './processes';
import type { Say } from './say';

/** Longer than 60 MB take on a slow network. */
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;

/**
 * Downloads it to the home folder's `bin`, as the SDK's test environment does for its local server, once for all
 * processes of this home.
 * @returns undefined where that works, else why it does not (no network, say).
 */
export async function downloadTemporalCli(home: Home, say: Say): Promise<string | undefined> {
  const lock = {
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
    doing: 'downloads the Temporal server',
    onWait: ({ pid }: ProcessIdentity) => say(`Waiting for process ${pid}, which downloads the Temporal server.`),
  };
  try {
    await withLock(home, 'temporal-download', lock, async () => {
      say('Downloading the Temporal server, once (about 60 MB, a minute or so) …');
      const { TestWorkflowEnvironment } = await import('@temporalio/testing');
      // The SDK offers the download only together with a start; what it has started is ended at once.
      const environment = await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'cached-download', downloadDir: home.bin } } });
      await environment.teardown();
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
