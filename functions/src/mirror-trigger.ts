import type { Change, CloudFunction } from 'firebase-functions/v2/core';
import {
  type DatabaseEvent,
  type DataSnapshot,
  onValueWritten,
} from 'firebase-functions/v2/database';
import { readBodiesByTurns } from './body-turns';
import { DATABASE_URL, RTDB_INSTANCE, RTDB_REGION } from './config';
import type { LogKey, MirroredPath } from './events/mirrored-path';
// Loaded now, not with the instance: at the first event it would keep that event's context for ever.
import './outside-request';
import type { ExplainErasure } from './mirror/mirror-event';
import type { MirrorInstance } from './mirror-instance';
import { guardReadable } from './trigger-guard';

/**
 * The trigger that mirrors every write of a path's leaves into Postgres; what fails is delivered
 * again.
 *
 * @param loadExplainErasure loads what looks into removals, at the first event; see `MirrorContext`
 */
export function mirrorTrigger<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  loadExplainErasure: () => ExplainErasure<Leaf> | null = () => null,
): CloudFunction<DatabaseEvent<Change<DataSnapshot>>> {
  /** Loaded at the first event, and once: discovery needs no Postgres client. */
  let instance: MirrorInstance | undefined;
  function mirrorInstance(): MirrorInstance {
    if (instance === undefined) {
      const { createMirrorInstance } =
        require('./mirror-instance') as typeof import('./mirror-instance');
      instance = createMirrorInstance(mirrored, loadExplainErasure());
    }
    return instance;
  }
  readBodiesByTurns();
  return guardReadable(
    onValueWritten(
      {
        ref: mirrored.pattern,
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
}
