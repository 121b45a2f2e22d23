/** What is known of the embedded server's database, beside it: `temporal.db.json`. */
import { rm } from 'node:fs/promises';
import type { Home } from './home';
import { readState, replaceState } from './state-file';

export interface DatabaseRecord {
  /**
   * Whether a server has ever been ready on it. A server that is killed while it makes the tables leaves a file that
   * no server can use, as it only makes them where there is no file.
   */
  initialised: boolean;
  /** The newest server that was ready on it. */
  server_version?: string;
  /** Where the last server listened. The next one asks for the same ports, so that connected workers find it again. */
  port?: number;
  ui_port?: number;
}

export function readDatabaseRecord(home: Home): Promise<DatabaseRecord | undefined> {
  return readState(recordOf(home));
}

export function writeDatabaseRecord(home: Home, record: DatabaseRecord): Promise<void> {
  return replaceState(recordOf(home), record);
}

/** Removes a database on which no server was ever ready. It holds nothing. */
export async function removeDatabase(home: Home): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(home.database + suffix, { force: true });
}

function recordOf(home: Home): string {
  return `${home.database}.json`;
}
