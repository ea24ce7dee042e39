import type { Change, CloudFunction } from 'firebase-functions/v2/core';
import {
  type DatabaseEvent,
  type DataSnapshot,
  onValueWritten,
} from 'firebase-functions/v2/database';
import { onCustomEventPublished } from 'firebase-functions/v2/eventarc';
import type { MirrorInstance } from './mirror-instance';
import { DATABASE_URL, MAX_INSTANCES, RTDB_INSTANCE, RTDB_REGION } from './settings';
// Loaded now, not with the instance: at the first event it would keep that event's context for ever.
import '../runtime/outside-request';
import type { MirroredPath } from '../paths/mirrored-path';

/** A function that mirrors the writes of a path, as the SDK deploys it. */
export type MirrorTrigger = CloudFunction<DatabaseEvent<Change<DataSnapshot>>>;

/**
 * The trigger that mirrors every write of a path's leaves into Postgres; what fails is delivered
 * again.
 *
 * The SDK deploys it as `onValueWritten`, but the event is read by hand, from what was delivered (see
 * mirror/delivered-event.ts). `onCustomEventPublished` is the SDK's way to get an event as it came,
 * with its trace.
 *
 * @param paths the names of all paths
 */
export function mirrorTrigger(mirrored: MirroredPath, paths: readonly string[]): MirrorTrigger {
  /** Loaded at the first event, and once: discovery needs no Postgres client. */
  let instance: MirrorInstance | undefined;
  const handle = onCustomEventPublished('any', (event) => {
    if (instance === undefined) {
      const { createMirrorInstance } =
        require('./mirror-instance') as typeof import('./mirror-instance');
      instance = createMirrorInstance(mirrored, paths);
    }
    return instance.handle(event);
  });
  const deployed = onValueWritten(
    {
      ref: mirrored.ref,
      instance: RTDB_INSTANCE,
      region: RTDB_REGION,
      retry: true,
      concurrency: 80,
      maxInstances: MAX_INSTANCES,
      memory: '256MiB',
      timeoutSeconds: 60,
      secrets: [DATABASE_URL],
    },
    () => {},
  );
  return Object.assign((event: Parameters<typeof handle>[0]) => handle(event), deployed);
}
