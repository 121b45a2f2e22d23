'use strict';
const { existsSync, readFileSync } = require('node:fs');

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** The most memory that a process has had, in MB; of others only known on Linux, and 0 where there is none. */
function peakMegabytes(pid = 'self') {
  const status = `/proc/${pid}/status`;
  // On Linux maxRSS begins with what the process that started this one had.
  if (!existsSync(status)) return pid === 'self' ? process.resourceUsage().maxRSS / 1024 : 0;
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) / 1024;
}

module.exports = { median, peakMegabytes };
