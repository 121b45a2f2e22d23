import { constants } from 'node:fs';
import { access, chmod, mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setting } from './environment';
import { LocalError } from './local-error';

/** The product's own folder on this machine, private to its user. */
export interface Home {
  folder: string;
  /** Small records of jobs: the memory of what was paid. */
  jobs: string;
  logs: string;
  /** Server programs that were built here. */
  bin: string;
  /** What runs now: pids, addresses, locks. */
  run: string;
  /** Database of the embedded Temporal server. */
  database: string;
  /** Batches of the background simulator. */
  simulator: string;
}

/** In the name of a database, which the server hands to SQLite as a URI, they would mean something else. */
const URI_CHARACTERS = /[%?#]/;

const PRIVATE = 0o700;
const OTHERS = 0o077;

/**
 * Makes the home folder where it is missing: MESSAGE_BATCHES_HOME, by default ~/.message-batches.
 * @throws LocalError `home_unusable` where it cannot be made or written, where others may look into it, or where its path cannot be used.
 */
export async function openHome(env: NodeJS.ProcessEnv): Promise<Home> {
  const wanted = resolve(setting(env, 'MESSAGE_BATCHES_HOME') ?? join(setting(env, 'HOME') ?? homedir(), '.message-batches'));
  if (URI_CHARACTERS.test(wanted)) {
    throw new LocalError('home_unusable', `The home folder ${wanted} has one of the characters % ? # in its path, which the Temporal server cannot read.`, 'Set MESSAGE_BATCHES_HOME to a folder without them.');
  }
  try {
    await mkdir(wanted, { recursive: true, mode: PRIVATE });
    await makePrivate(wanted);
    await access(wanted, constants.R_OK | constants.W_OK | constants.X_OK);
    // One home has one name, by whatever links it was reached.
    const home = homeAt(await realpath(wanted));
    for (const subfolder of [home.jobs, home.logs, home.bin, home.run]) await mkdir(subfolder, { recursive: true, mode: PRIVATE });
    return home;
  } catch (error) {
    if (error instanceof LocalError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new LocalError(
      'home_unusable',
      `The home folder ${wanted} cannot be made or written (${code ?? String(error)}).`,
      'Give this user permission to write there, or set MESSAGE_BATCHES_HOME to a folder that can be written.',
      { cause: error },
    );
  }
}

function homeAt(folder: string): Home {
  return {
    folder,
    jobs: join(folder, 'jobs'),
    logs: join(folder, 'logs'),
    bin: join(folder, 'bin'),
    run: join(folder, 'run'),
    database: join(folder, 'temporal.db'),
    simulator: join(folder, 'simulator'),
  };
}

async function makePrivate(folder: string): Promise<void> {
  const { mode, uid } = await stat(folder);
  const user = process.getuid?.();
  if (user !== undefined && uid !== user) {
    throw new LocalError(
      'home_unusable',
      `The home folder ${folder} belongs to another user (uid ${uid}, this one is ${user}).`,
      'Set MESSAGE_BATCHES_HOME to a folder of this user.',
    );
  }
  // Windows has no such permissions.
  if (user === undefined || (mode & OTHERS) === 0) return;
  // An empty folder is nobody's yet. One with content may be shared on purpose, and is not ours to close.
  if ((await readdir(folder)).length > 0) {
    throw new LocalError(
      'home_unusable',
      `Other users may look into the home folder ${folder} (mode ${(mode & 0o777).toString(8)}), which holds databases and records of jobs.`,
      `Close it to them: chmod 700 ${folder}. Or set MESSAGE_BATCHES_HOME to a folder of its own.`,
    );
  }
  await chmod(folder, PRIVATE);
}
