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
  writeFileSync(join(dist, 'workflow-bundle.js'), withoutLibrarySources(code));
}

/**
 * The source map as the SDK appends it, without the sources of libraries: half of the bundle, which each worker would hold
 * several times over. Stack traces still name their files and lines; only Temporal's enhanced stack traces quote sources.
 */
function withoutLibrarySources(code) {
  const [program, base64, ...more] = code.split('//# sourceMappingURL=data:application/json;charset=utf-8;base64,');
  if (base64 === undefined || more.length > 0) throw new Error('The bundle does not end with one source map, as it used to.');
  const map = JSON.parse(Buffer.from(base64.trim(), 'base64').toString());
  map.sourcesContent = map.sourcesContent.map((source, index) => (map.sources[index].includes('node_modules') ? null : source));
  return `${program}//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}\n`;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
