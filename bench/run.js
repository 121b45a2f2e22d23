'use strict';
// `npm run bench`: figures, each beside something else in the same run. Medians of several runs; one machine, loopback.
const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { besideOthers } = require('./beside-others');
const { createFromDisk } = require('./create-from-disk');
const { followUps } = require('./follow-ups');
const { million } = require('./million');
const { planning } = require('./planning');
const { resultsReading } = require('./results-reading');
const { resultsStoring } = require('./results-storing');
const { runToOutputs } = require('./run-to-outputs');

async function main() {
  // It installs other packages, so it is only run by name: npm run bench -- beside-others
  if (process.argv[2] === 'beside-others') return besideOthers();
  // A minute, and a gigabyte of disk: npm run bench -- million
  if (process.argv[2] === 'million') return million();
  // Some minutes: npm run bench -- follow-ups
  if (process.argv[2] === 'follow-ups') return followUps();
  console.log(`${require('node:os').cpus().length} cores, Node ${process.versions.node}\n`);
  console.log('## A batch of 24 hours (time skipped; the API is a stand-in)');
  dayOfPolling();
  console.log('\n## 1,000 requests, the simulated batch ends at once');
  await runToOutputs();
  console.log('\n## Planning');
  await planning();
  console.log('\n## Create from disk');
  await createFromDisk();
  console.log('\n## Reading results');
  await resultsReading();
  console.log('\n## Storing results');
  await resultsStoring();
}

/** Polls and history events, as the test counts them on the time-skipping server. */
function dayOfPolling() {
  const jest = require.resolve('jest/bin/jest');
  const test = spawnSync(process.execPath, [jest, join('test', 'workflows', 'day.test.ts')], { cwd: join(__dirname, '..'), encoding: 'utf8' });
  const lines = (test.stdout + test.stderr).match(/^.* h: \d+ polls, .*$/gm);
  console.log(lines ? lines.map((line) => line.trim()).join('\n') : `not measured: it needs Java and Maven\n${test.stderr}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
