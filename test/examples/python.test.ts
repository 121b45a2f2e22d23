/** The examples in Python. Needs python3 with pip. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testOtherLanguage } from '../support/other-language';
import { installedPythonPackage } from '../support/python-packages';

const folder = join(__dirname, '..', '..', 'examples', 'python');

testOtherLanguage(() => ({
  followUpWorker: ['python3', join(folder, 'follow_up_worker.py')],
  runJob: ['python3', join(folder, 'run_job.py')],
  env: { PYTHONPATH: installedPythonPackage(readFileSync(join(folder, 'requirements.txt'), 'utf8').trim()), PYTHONDONTWRITEBYTECODE: '1' },
}));
