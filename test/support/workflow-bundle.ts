import { join } from 'node:path';

/** The bundle of the last build: `npm test` builds first, and bundling takes seconds. */
export function workflowBundle(): { workflowBundle: { codePath: string } } {
  return { workflowBundle: { codePath: join(__dirname, '..', '..', 'dist', 'workflow-bundle.js') } };
}
