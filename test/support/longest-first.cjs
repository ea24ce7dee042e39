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
  'simulate/each-fault',
  'dashboard/browser',
  'e2e/emulator-suite',
  'faults/postgres-faults',
  'reconcile/reconcile-command',
  'runtime/flag',
  'integration/partitioning',
  'security/logs',
  'deploy/manifest',
  'runtime/coalescing',
  'api/endpoints',
  'simulate/simulate-command',
  'runtime/switches',
  'report/doctor-command',
  'pooler/pgbouncer',
  'simulate/world',
  'dashboard/plans',
  'outage/simulate-outage',
  'dashboard/page',
  'faults/runtime-killed',
  'api/runtime',
  'reconcile/reconcile',
  'security/tls',
  'report/runs-that-broke-off',
  'reconcile/causes',
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
