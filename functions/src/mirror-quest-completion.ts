import { onValueWritten } from 'firebase-functions/v2/database';
import { DATABASE_URL, RTDB_INSTANCE, RTDB_REGION } from './config';
import { COMPLETION_PATTERN } from './quests/completion-path';

/** Mirrors every write of a quest completion into Postgres; what fails is delivered again. */
export const mirrorQuestCompletion = onValueWritten(
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
  // Loaded at the first event: discovery needs no Postgres client.
  async (event) => (await import('./mirror-instance.js')).handleWrite(event),
);
