import { mkdir, readdir, rename } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { FOLDER_MODE, isTemporaryName, makeFolder, removeDurably, syncFolder, temporaryName, writeNewFile } from './durable-files';
import { FileWriter } from './file-writer';
import { isSystemError, storageError } from './storage-error';
import type { NewFile, NewFolder } from './store';

/** Begins to write a folder of this machine under a temporary name; it appears, whole, when it is committed. */
export async function openNewFileFolder(folder: string): Promise<NewFolder> {
  await makeFolder(dirname(folder));
  await removeUnfinished(folder);
  const unfinished = temporaryName(folder);
  await doing('create', unfinished, mkdir(unfinished, FOLDER_MODE));
  return new NewFileFolder(folder, unfinished);
}

class NewFileFolder implements NewFolder {
  private committed = false;

  constructor(
    private readonly folder: string,
    readonly location: string,
  ) {}

  async makeFolder(location: string): Promise<void> {
    // Not recursive: where the whole folder was taken away, its writer must fail and not go on without its first files.
    await doing('create', location, mkdir(location, FOLDER_MODE));
  }

  async openFile(location: string): Promise<NewFile> {
    const writer = await doing('write', location, FileWriter.create(location));
    let open = true;
    const close = async () => {
      if (!open) return;
      open = false;
      await writer.close();
    };
    return {
      append: (bytes) => writer.append(bytes),
      finish: async () => {
        await writer.sync();
        await close();
      },
      abandon: () => close().catch(() => undefined),
    };
  }

  writeFile(location: string, content: Buffer): Promise<void> {
    return writeNewFile(location, content);
  }

  syncFolder(location: string): Promise<void> {
    return syncFolder(location);
  }

  async commit(mark: string, content: string): Promise<boolean> {
    await writeNewFile(mark, content);
    try {
      await syncFolder(this.location);
      await rename(this.location, this.folder);
    } catch (error) {
      // Another attempt was faster: rename(2) replaces no folder that holds something.
      if (await holds(this.folder, relative(this.location, mark))) return false;
      throw storageError(error, 'write', this.folder);
    }
    this.committed = true;
    await syncFolder(dirname(this.folder));
    return true;
  }

  async discard(): Promise<void> {
    if (!this.committed) await removeDurably(this.location);
  }
}

/**
 * What killed attempts left behind may be as long as the input. It is first moved away whole: an attempt that was
 * only frozen then fails at its next step, and cannot finish a folder of which a part is gone.
 */
async function removeUnfinished(folder: string): Promise<void> {
  const parent = dirname(folder);
  for (const name of await doing('read', parent, readdir(parent))) {
    if (!isTemporaryName(name, folder)) continue;
    const away = temporaryName(folder);
    await doing('rename', join(parent, name), rename(join(parent, name), away));
    await removeDurably(away);
  }
}

async function holds(folder: string, name: string): Promise<boolean> {
  try {
    return (await readdir(folder)).includes(name);
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

async function doing<T>(what: string, path: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw storageError(error, what, path);
  }
}
