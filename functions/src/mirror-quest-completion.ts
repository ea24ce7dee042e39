import { onValueWritten } from 'firebase-functions/v2/database';
import { DATABASE_URL, RTDB_INSTANCE, RTDB_REGION } from './config';
// Loaded now, not with the instance: at the first event it would keep that event's context for ever.
import './mirror/outside-request';
import { COMPLETION_PATTERN } from './quests/completion-path';
import { guardReadable } from './trigger-guard';

/** Loaded at the first event, and once: discovery needs no Postgres client. */
let instance: typeof import('./mirror-instance') | undefined;

function mirrorInstance(): typeof import('./mirror-instance') {
  instance ??= require('./mirror-instance') as typeof import('./mirror-instance');
  return instance;
}

/** Mirrors every write of a quest completion into Postgres; what fails is delivered again. */
export const mirrorQuestCompletion = guardReadable(
  onValueWritten(
    {
      ref: COMPLETION_PATTERN,
      instance: RTDB_INSTANCE,
      region: RTDB_REGION,
      retry: true,
      concurrency: 80,
      maxInstances: 20,
      memory: '256MiB',
      timeoutSeconds: 60,
      secrets: [DATABASE_URL],
    },
    (event) => mirrorInstance().handleWrite(event),
  ),
  (raw) => mirrorInstance().refuseUnreadable(raw),
);
