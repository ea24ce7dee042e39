'use strict';
const { findPostgres15 } = require('./test/support/postgres-15/find-postgres-15.cjs');

/** What the tests have in common, whichever Postgres they run on. */
const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  // What only functions/ depends on, such as firebase-admin, resolves in tests as well.
  modulePaths: ['<rootDir>/functions/node_modules'],
  modulePathIgnorePatterns: ['<rootDir>/functions/lib/'],
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
};

const everything = {
  ...shared,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  globals: { POSTGRES_VERSION: 18 },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

/** What depends on the server's version: migrations, roles, row level security, the write path. */
const onPostgres15 = {
  ...shared,
  testMatch: [
    '<rootDir>/test/integration/**/*.test.ts',
    '<rootDir>/test/property/any-order.test.ts',
    // Of our own code, whatever the version.
    '!**/{pristine-database,worn-out-session}.test.ts',
  ],
  ...(findPostgres15()
    ? {
        displayName: 'Postgres 15',
        globals: { POSTGRES_VERSION: 15 },
        globalSetup: '<rootDir>/test/support/postgres-15/global-setup.ts',
        globalTeardown: '<rootDir>/test/support/postgres-15/global-teardown.ts',
        setupFiles: ['<rootDir>/test/support/postgres-15/use-postgres-15.ts'],
      }
    : {
        displayName: 'Postgres 15 (where missing: apt-get install postgresql-15)',
        setupFilesAfterEnv: ['<rootDir>/test/support/postgres-15/skip-all.ts'],
      }),
};

/** @type {import('jest').Config} */
module.exports = {
  ...everything,
  projects: [everything, onPostgres15],
  testTimeout: 30_000,
  // One more than the two cores that CI has: much of a run is waiting for other processes.
  maxWorkers: 3,
  testSequencer: '<rootDir>/test/support/longest-first.cjs',
  reporters: ['default', '<rootDir>/test/support/closing-line.cjs'],
};
