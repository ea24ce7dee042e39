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
  'dashboard/browser',
  'faults/retry-storm',
  'simulate/each-fault',
  'faults/postgres-faults',
  'e2e/emulator-suite',
  'integration/partitioning',
  'runtime/flag',
  'runtime/coalescing',
  'security/tls',
  'reconcile/reconcile-command',
  'runtime/switches',
  'pooler/pgbouncer',
  'integration/attacks',
  'deploy/manifest',
  'simulate/simulate-command',
  'report/doctor-command',
  'security/logs',
  'runtime/log-lines',
  'integration/migrations-roles',
  'reconcile/reconcile',
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
