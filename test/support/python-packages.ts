/** Packages from PyPI for tests, installed once a machine. Needs Python 3 with pip. */
import { execFileSync } from 'node:child_process';
import { madeOnce } from './made-once';

/** @param requirement as in `requirements.txt`, with its version. @returns what `PYTHONPATH` has to be. */
export function installedPythonPackage(requirement: string): string {
  return madeOnce(requirement, (folder) => {
    const options = ['--quiet', '--no-warn-conflicts', '--root-user-action=ignore', '--disable-pip-version-check'];
    try {
      execFileSync('python3', ['-m', 'pip', 'install', ...options, '--target', folder, requirement], { stdio: ['ignore', 'ignore', 'inherit'] });
    } catch (error) {
      throw new Error(`${requirement} could not be installed. This test needs python3 on the PATH, with pip, and a package index to install from.`, { cause: error });
    }
  });
}
