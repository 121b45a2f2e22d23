/** A real disk of a few megabytes (a tmpfs), that fills up, grows, and can be made read-only. Needs Linux and root. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

export class SmallDisk {
  private constructor(readonly path: string) {}

  /** @param path where it is mounted; the folder is made. */
  static mount(path: string, bytes: number): SmallDisk {
    mkdirSync(path, { recursive: true });
    run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
    return new SmallDisk(path);
  }

  resize(bytes: number): void {
    run('mount', ['-o', `remount,size=${bytes}`, this.path]);
  }

  /** Fails while a file is open for writing. */
  makeReadOnly(): void {
    run('mount', ['-o', 'remount,ro', this.path]);
  }

  makeWritable(): void {
    run('mount', ['-o', 'remount,rw', this.path]);
  }

  /** Also where files are still open. */
  unmount(): void {
    run('umount', ['--lazy', this.path]);
  }
}

function run(command: string, args: string[]): void {
  try {
    execFileSync(command, args, { stdio: 'pipe' });
  } catch (error) {
    throw new Error(`\`${command} ${args.join(' ')}\` failed; tests of full and read-only disks need Linux and root`, { cause: error });
  }
}
