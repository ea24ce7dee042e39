'use strict';
const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');

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
  'new-path/new-path-command',
  'gate/world',
  'deploy/manifest',
  'dashboard/browser',
  'readings/reconcile-command',
  'readings/faults',
  'readings/causes',
  'backfill/every-path',
  'new-path/wrapper',
  'e2e/emulator-suite',
  'app/app-mirror',
  'faults/postgres-faults',
  'dashboard/plans',
  'security/logs',
  'simulate/simulate-command',
  'backup/compare-backup',
  'backup/split-backup',
  'faults/worn-out-session',
  'readings/any-order',
  'bounds/memory',
  'backup/backup-verbs',
  'gate/cases',
  'integration/partitioning',
  'readings/readings',
  'gate/evidence',
  'api/bodies',
  'app/visible-rows',
  'identity/trigger',
  'paths/large-documents',
  'runtime/bad-envelope',
  'api/endpoints',
  'security/configuration',
  'runtime/contention',
  'property/any-order',
  'runtime/blame',
  'runtime/body-turns',
  'rtdb-standin/browser',
  'rules/database-rules',
  'runtime/flag',
  'rtdb-standin/rest-extras',
  'runtime/log-lines',
  'pooler/pgbouncer',
  'faults/runtime-killed',
  'runtime/coalescing',
  'dashboard/page',
  'dashboard/export',
  'runtime/switches',
  'report/doctor-command',
  'runtime/bad-keys',
  'runtime/hostile-keys',
  'bounds/books',
  'backfill/backfill',
  'api/runtime',
  'rtdb-standin/emulators-exec',
  'integration/attacks',
  'ops/log-lines',
  'security/tls',
  'runtime/any-event',
  'local/embedded-postgres',
];

const missing = LONGEST.filter((name) => !existsSync(join(__dirname, '..', `${name}.test.ts`)));
if (missing.length > 0)
  throw new Error(`longest-first.cjs names files that are gone: ${missing.join(', ')}`);

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
