'use strict';
// Runs Jest and ends with one plain line: how many tests passed, failed, were skipped.
const { spawnSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const folder = mkdtempSync(join(tmpdir(), 'message-batches-tests-'));
const outputFile = join(folder, 'results.json');
const jest = require.resolve('jest/bin/jest');
const run = spawnSync(process.execPath, [jest, '--json', `--outputFile=${outputFile}`, ...process.argv.slice(2)], {
  // With --json Jest prints its document on stdout as well; people read stderr.
  stdio: ['ignore', 'ignore', 'inherit'],
});

let results;
try {
  results = JSON.parse(readFileSync(outputFile, 'utf8'));
} catch {
  console.error('Jest ended without results.');
  process.exit(run.status || 1);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// A test file that cannot even be loaded counts as a failure of its own.
const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
const skipped = results.numPendingTests + results.numTodoTests;
if (process.env.REPETITIONS === undefined) console.log('The long forms of some tests (repeated kills, further variants): npm run test:long');
console.log(`${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(run.status === null ? 1 : run.status);
