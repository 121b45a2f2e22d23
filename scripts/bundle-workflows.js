'use strict';
// Bundles the workflows once, at build time, so that no worker has to run a bundler when it starts.
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');

const dist = join(__dirname, '..', 'dist');

async function main() {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflows', 'index.js'),
    failureConverterPath: join(dist, 'workflows', 'failure-converter.js'),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(join(dist, 'workflow-bundle.js'), code);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
