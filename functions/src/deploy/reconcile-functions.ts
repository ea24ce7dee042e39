import { onSchedule } from 'firebase-functions/v2/scheduler';
import { onTaskDispatched } from 'firebase-functions/v2/tasks';
import { DATABASE_URL, RTDB_REGION } from './settings';

/** Loaded at the first invocation, and once: discovery needs no Postgres client. */
let instance: typeof import('./reconcile-instance') | undefined;

function reconcileInstance(): typeof import('./reconcile-instance') {
  instance ??= require('./reconcile-instance') as typeof import('./reconcile-instance');
  return instance;
}

const SHARD_TRIES = 5;

const common = { region: RTDB_REGION, secrets: [DATABASE_URL], timeoutSeconds: 540 };

/** Every hour: begins a comparison of both stores, a task for each shard of couples. */
export const mirrorReconcile = onSchedule(
  { ...common, schedule: 'every 60 minutes', memory: '1GiB', maxInstances: 1 },
  () => reconcileInstance().startReconcile(),
);

/** Compares one shard of couples; what fails is tried again. */
export const mirrorReconcileCouples = onTaskDispatched(
  {
    ...common,
    memory: '512MiB',
    // Differences wait for their second look without using the CPU.
    concurrency: 4,
    maxInstances: 5,
    retryConfig: { maxAttempts: SHARD_TRIES, minBackoffSeconds: 20, maxBackoffSeconds: 300 },
    rateLimits: { maxConcurrentDispatches: 10 },
  },
  ({ data, retryCount }) =>
    reconcileInstance().reconcileShard(data, (retryCount ?? 0) >= SHARD_TRIES - 1),
);
