'use strict';

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testTimeout: 30_000,
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  // One more than the two cores that CI has: much of a run is waiting for other processes.
  maxWorkers: 3,
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // What only functions/ depends on, such as firebase-admin, resolves in tests as well.
  modulePaths: ['<rootDir>/functions/node_modules'],
  // Built, or a copy that mutation testing works on.
  modulePathIgnorePatterns: ['<rootDir>/functions/lib/', '<rootDir>/.stryker-tmp/'],
  transform: {
    '^.+\\.[cm]?[jt]s$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript', decorators: false }, target: 'es2023' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // Packages that ship ES modules only have to be transformed; the rest is used as it is.
  transformIgnorePatterns: ['/node_modules/(?!(jose)/)', '\\.pnp\\.[^\\/]+$'],
  testSequencer: '<rootDir>/test/support/longest-first.cjs',
  reporters: ['default', '<rootDir>/test/support/closing-line.cjs'],
};
