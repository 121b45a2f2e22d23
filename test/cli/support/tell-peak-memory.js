'use strict';
// Says on stderr, at the end of a process, the most memory that it has had.
const { readFileSync } = require('node:fs');

process.on('exit', () => {
  const kilobytes = Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  process.stderr.write(`peak memory: ${Math.ceil(kilobytes / 1024)} MB\n`);
});
