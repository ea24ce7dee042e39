import { onSchedule, type ScheduleFunction } from 'firebase-functions/v2/scheduler';
import type { MirroredPath } from '../paths/mirrored-path';
import { DATABASE_URL, RTDB_REGION } from './settings';

/** Loaded at the first round, and once: discovery needs no Postgres client. */
let instance: typeof import('./canary-instance') | undefined;

/** Every five minutes: a write of the mirror's own through each path's trigger and table. */
export function canaryFunction(paths: readonly MirroredPath[]): ScheduleFunction {
  return onSchedule(
    {
      region: RTDB_REGION,
      secrets: [DATABASE_URL],
      schedule: 'every 5 minutes',
      memory: '256MiB',
      maxInstances: 1,
      timeoutSeconds: 120,
    },
    () => {
      instance ??= require('./canary-instance') as typeof import('./canary-instance');
      return instance.canaryRound(paths);
    },
  );
}
