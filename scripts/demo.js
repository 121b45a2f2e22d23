'use strict';
// The demo: twenty questions from a JSONL file to their answers, through everything but the paid API.
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { join, relative } = require('node:path');

const root = join(__dirname, '..');
const cli = join(root, 'dist', 'cli', 'main.js');
const input = join(root, 'examples', 'questions.jsonl');

function messageBatches(args, options) {
  return spawnSync(process.execPath, [cli, ...args], { cwd: root, encoding: 'utf8', ...options });
}

const run = messageBatches(['run', input, '--simulate'], { stdio: 'inherit' });
if (run.status !== 0) process.exit(run.status ?? 1);

const { report } = JSON.parse(messageBatches(['status', input, '--simulate', '--json']).stdout);
const questions = new Map(readJsonl(input).map(({ custom_id, params }) => [custom_id, params.messages[0].content]));
const answers = readJsonl(join(report.output, 'results.jsonl'));

console.log('\nThree of the answers:');
for (const { custom_id, result } of answers.slice(0, 3)) {
  console.log(`\n  ${custom_id}: ${questions.get(custom_id)}`);
  console.log(`  → ${result.message.content[0].text}`);
}
const { web_ui } = JSON.parse(messageBatches(['doctor', '--json']).stdout);
console.log(`\nThe outputs lie in ${relative(process.cwd(), report.output) || '.'}.`);
if (web_ui) console.log(`Every step can be seen in Temporal's web UI: ${web_ui}`);
console.log('End what runs in the background: npx message-batches stop');

function readJsonl(path) {
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
}
