'use strict';
const { existsSync, readFileSync } = require('node:fs');

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** The most memory that this process has had, in MB. */
function peakMegabytes() {
  // On Linux maxRSS begins with what the process that started this one had.
  const kilobytes = existsSync('/proc/self/status') ? Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) : process.resourceUsage().maxRSS;
  return kilobytes / 1024;
}

module.exports = { median, peakMegabytes };
