'use strict';
// A simulator in a process of its own, which a test may kill. Options come as JSON in SIMULATOR_OPTIONS;
// the URL, and what it uses whenever it gets a message, go to the parent as messages.
const { readFileSync } = require('node:fs');
const { Module } = require('node:module');
const { transformSync } = require('@swc/core');

Module._extensions['.ts'] = (module, path) => {
  const options = { filename: path, swcrc: false, jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } };
  module._compile(transformSync(readFileSync(path, 'utf8'), options).code, path);
};
const { startSimulator } = require('../../../src/simulator/index.ts');

let peakBytes = 0;
let samples;
const usedBytes = () => {
  const { heapTotal, arrayBuffers } = process.memoryUsage();
  return heapTotal + arrayBuffers;
};
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

startSimulator(JSON.parse(process.env.SIMULATOR_OPTIONS)).then(
  ({ url }) => process.send({ url }),
  (error) => process.send({ error: error.message }),
);

process.on('message', () => {
  samples ??= setInterval(() => (peakBytes = Math.max(peakBytes, usedBytes())), 10);
  process.send({ usedBytes: usedBytes(), peakBytes, cpuSeconds: cpuSeconds() });
});
process.on('disconnect', () => process.exit());
