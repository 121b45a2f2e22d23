import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerOptions } from '@temporalio/worker';

const BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

/** The workflows as the build has bundled them (no bundler runs when a worker starts); from source where there is no build. */
export function workflowBundle(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  return existsSync(BUNDLE) ? { workflowBundle: { codePath: BUNDLE } } : { workflowsPath: require.resolve('../workflows') };
}
