'use strict';
// The order of test files: those that take longest first, so that no file is left alone at the end.
const Sequencer = require('@jest/test-sequencer').default;

/** By what they do, until Jest has a time of their own for them: kills, commands, jobs on a real server, all others. */
const FOLDERS = ['/test/kill/', '/test/cli/', '/test/workflows/', '/test/client/', '/test/local/', '/test/examples/'];

module.exports = class LongestFirst extends Sequencer {
  /** Jest's own order is by the time of the last run, else by size: it is kept within a folder. */
  sort(tests) {
    const rank = ({ path }) => (FOLDERS.findIndex((folder) => path.includes(folder)) + 1 || FOLDERS.length + 1);
    const known = super.sort(tests);
    return known.every(({ duration }) => duration !== undefined) ? known : known.toSorted((a, b) => rank(a) - rank(b));
  }
};
