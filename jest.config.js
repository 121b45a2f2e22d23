'use strict';

// .swcrc is not read: what tests are compiled with stands here and nowhere else.
const swc = ['@swc/jest', { swcrc: false, jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' }, sourceMaps: 'inline' }];

// ESM-only libraries of the display, which Jest would not load as they are.
const esmOnly = '(pretty-ms|parse-ms|pretty-bytes)';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // Files of the long form alone: test/support/long-form.ts.
  testPathIgnorePatterns: process.env.REPETITIONS === undefined ? ['[.]long[.]test[.]ts$'] : [],
  transform: { '^.+\\.ts$': swc, [`/node_modules/${esmOnly}/.+\\.js$`]: swc },
  transformIgnorePatterns: [`/node_modules/(?!${esmOnly}/)`],
  moduleNameMapper: {
    '^temporal-message-batches$': '<rootDir>/src/index.ts',
    '^temporal-message-batches/(.*)$': '<rootDir>/src/$1/index.ts',
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  testTimeout: 180_000,
  // Real servers and real kills, several side by side in a file: two files at once is what two cores carry. With three, tests ran into their limits.
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/support/longest-first.js',
};
