import { defineString } from 'firebase-functions/params';
import type { ReferenceOptions } from 'firebase-functions/v2/database';

/** Refs of the mirrored paths whose events the bench sends. */
export const COMPLETIONS = 'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}';
export const DOCUMENTS = 'you_or_me_sessions/{coupleId}/{sessionId}';

const INSTANCE = defineString('RTDB_INSTANCE');
const REGION = defineString('RTDB_REGION');

/**
 * The mirror's own options, so that the platform's share of the work is the same for all: the SDK
 * resolves an instance that is a parameter at every event.
 */
export function triggerOptions(ref: string): ReferenceOptions<string> {
  return {
    ref,
    instance: INSTANCE,
    region: REGION,
    retry: true,
    concurrency: 80,
    maxInstances: 20,
    memory: '256MiB',
    timeoutSeconds: 60,
  };
}
