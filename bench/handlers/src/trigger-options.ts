import { defineString } from 'firebase-functions/params';
import type { ReferenceOptions } from 'firebase-functions/v2/database';

/**
 * The mirror's own options, so that the platform's share of the work is the same for all: the SDK
 * resolves an instance that is a parameter at every event.
 */
export const TRIGGER_OPTIONS: ReferenceOptions<string> = {
  ref: 'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}',
  instance: defineString('RTDB_INSTANCE'),
  region: defineString('RTDB_REGION'),
  retry: true,
  concurrency: 80,
  maxInstances: 20,
  memory: '256MiB',
  timeoutSeconds: 60,
};
