import type { Change, CloudFunction } from 'firebase-functions/v2/core';
import {
  type DatabaseEvent,
  type DataSnapshot,
  onValueWritten,
} from 'firebase-functions/v2/database';
import { onCustomEventPublished } from 'firebase-functions/v2/eventarc';
import { readBodiesByTurns } from './body-turns';
import { DATABASE_URL, MAX_INSTANCES, RTDB_INSTANCE, RTDB_REGION } from './config';
import type { LogKey, MirroredPath } from './events/mirrored-path';
// Loaded now, not with the instance: at the first event it would keep that event's context for ever.
import './outside-request';
import type { ExplainErasure } from './mirror/mirror-event';
import type { MirrorInstance } from './mirror-instance';

/**
 * The trigger that mirrors every write of a path's leaves into Postgres; what fails is delivered
 * again.
 *
 * The SDK deploys it as `onValueWritten`, but the event is read by hand, from what was delivered (see
 * events/delivered-event.ts). `onCustomEventPublished` is the SDK's way to get an event as it came,
 * with its trace.
 *
 * @param loadExplainErasure loads what looks into removals, at the first event; see `MirrorContext`
 */
export function mirrorTrigger<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  loadExplainErasure: () => ExplainErasure<Leaf> | null = () => null,
): CloudFunction<DatabaseEvent<Change<DataSnapshot>>> {
  /** Loaded at the first event, and once: discovery needs no Postgres client. */
  let instance: MirrorInstance | undefined;
  const handle = onCustomEventPublished('any', (event) => {
    if (instance === undefined) {
      const { createMirrorInstance } =
        require('./mirror-instance') as typeof import('./mirror-instance');
      instance = createMirrorInstance(mirrored, loadExplainErasure());
    }
    return instance.handle(event);
  });
  readBodiesByTurns();
  const deployed = onValueWritten(
    {
      ref: mirrored.pattern,
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
