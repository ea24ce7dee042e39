'use strict';
const { createRequire } = require('node:module');

// Jest's own sequencer comes with jest, two packages down.
const core = createRequire(require.resolve('jest')).resolve('@jest/core');
const { default: Sequencer } = createRequire(core)('@jest/test-sequencer');

/**
 * The files that take longest, the longest first. A long one that starts last leaves a core idle
 * at the end, and on a fresh clone jest, knowing no durations yet, would go by the size of files.
 */
const LONGEST = [
  'faults/retry-storm',
  'simulate/pairs',
  'dashboard/browser',
  'faults/postgres-faults',
  'faults/worn-out-session',
  'e2e/emulator-suite',
  'simulate/simulate-command',
  'reconcile/reconcile-command',
  'bounds/memory',
  'security/logs',
  'api/endpoints',
  'api/bodies',
  'runtime/blame',
  'rtdb-standin/browser',
  'rules/database-rules',
  'reconcile/causes',
  'runtime/flag',
  'rtdb-standin/rest-extras',
  'security/configuration',
  'runtime/log-lines',
  'pooler/pgbouncer',
  'faults/runtime-killed',
  'runtime/coalescing',
  'dashboard/page',
  'dashboard/export',
  'runtime/switches',
  'report/doctor-command',
  'reconcile/reconcile',
  'runtime/bad-keys',
  'runtime/hostile-keys',
  'bounds/books',
  'backfill/backfill',
  'api/runtime',
  'rtdb-standin/emulators-exec',
  'dashboard/plans',
  'integration/attacks',
  'ops/log-lines',
  'security/tls',
  'report/runs-that-broke-off',
  'runtime/any-event',
  'local/embedded-postgres',
];

class LongestFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => placeOf(a) - placeOf(b));
  }
}

function placeOf({ path }) {
  const name = path.split(/[\\/]/).slice(-2).join('/').replace('.test.ts', '');
  const place = LONGEST.indexOf(name);
  return place === -1 ? LONGEST.length : place;
}

module.exports = LongestFirst;
