'use strict';
const everything = require('../../jest.config.cjs');

/** `npm run test:kit`: what takes npm's registry, and minutes. Not part of `npm test`. */
module.exports = {
  ...everything,
  rootDir: `${__dirname}/../..`,
  projects: undefined,
  testMatch: ['<rootDir>/test/kit/**/*.kit.ts'],
  testTimeout: 300_000,
  maxWorkers: 1,
};
