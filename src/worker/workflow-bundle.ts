import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';

const BUNDLE = join(__dirname, '..', 'workflow-bundle.js');

/** @see ../workflows/failure-converter.ts; the build has it in the bundle. */
export const FAILURE_CONVERTER = require.resolve('../workflows/failure-converter');

/** How a worker of the product decodes; where somebody has a failure converter of their own, that one stays. */
export function ownDataConverter(theirs?: DataConverter): DataConverter {
  return { ...theirs, failureConverterPath: theirs?.failureConverterPath ?? FAILURE_CONVERTER };
}

/** The workflows as the build has bundled them (no bundler runs when a worker starts); from source where there is no build. */
export function workflowBundle(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  return existsSync(BUNDLE) ? { workflowBundle: { codePath: BUNDLE } } : { workflowsPath: require.resolve('../workflows') };
}
