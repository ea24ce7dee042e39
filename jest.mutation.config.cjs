'use strict';
const base = require('./jest.config.cjs');

const tests = (process.env.QUEST_MUTATION_TESTS ?? '').split(',').filter(Boolean);

// A machine of its own zone: where a time is read as local by mistake, it shows.
process.env.TZ = 'Asia/Kolkata';

/**
 * For test/mutation/main.ts: jest runs anew for each mutant, so the server is started once, outside,
 * and only the tests of the mutated modules are loaded.
 *
 * @type {import('jest').Config}
 */
module.exports = {
  ...base,
  rootDir: __dirname,
  // Jest looks through these for each mutant.
  roots: ['<rootDir>/test', '<rootDir>/functions/src'],
  // One server is enough to tell a mutant by.
  projects: undefined,
  watchman: false,
  testMatch: tests.map((test) => `<rootDir>/test/${test}.test.ts`),
  globalSetup: undefined,
  globalTeardown: undefined,
  reporters: [],
};
