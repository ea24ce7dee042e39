import { onValueWritten } from 'firebase-functions/v2/database';
import { DATABASE_URL, RTDB_INSTANCE, RTDB_REGION } from './config';
import { COMPLETION_PATTERN } from './quests/completion-path';
import { guardReadable } from './trigger-guard';

// Loaded at the first event: discovery needs no Postgres client.
const instance = () => import('./mirror-instance.js');

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
    async (event) => (await instance()).handleWrite(event),
  ),
  async (raw) => (await instance()).refuseUnreadable(raw),
);
