import type { LogKey, MirroredPath } from '../../functions/src/events/mirrored-path';
import type { WrittenEvent } from '../../functions/src/events/written-event';
import { createDayOverwrite } from '../../functions/src/mirror/day-overwrite';
import {
  type ExplainErasure,
  type MirrorContext,
  mirrorEvent,
} from '../../functions/src/mirror/mirror-event';
import { type MirrorStore, openMirrorStore } from '../../functions/src/mirror/mirror-store';
import { type Outcome, RETURNED } from '../../functions/src/mirror/outcome';
import { clientConfig } from '../../functions/src/postgres/client-config';
import type { CompletionLeaf } from '../../functions/src/quests/completion-path';
import { QUEST_COMPLETIONS } from '../../functions/src/quests/quest-completions';
import type { TestDatabase } from './database';

export const REF = 'daily_quests/alice_bob/2025-11-19/completions/quest_1/bob';

/** A write event with everything that a test does not care about filled in. */
export function writeOf(event: Partial<WrittenEvent> & { id: string }): WrittenEvent {
  return {
    time: '2025-11-19T12:00:00Z',
    ref: REF,
    structured: true,
    hasData: true,
    before: null,
    after: true,
    instance: 'demo-quests-default-rtdb',
    databaseHost: 'firebaseio.com',
    authType: 'unknown',
    authId: null,
    ...event,
  };
}

export interface TestMirror<Leaf extends LogKey = CompletionLeaf> {
  mirror(event: WrittenEvent): Promise<Outcome>;
  store: MirrorStore<Leaf>;
}

interface TestMirrorOptions {
  retentionDays?: number;
  connectionsMax?: number;
  isEnabled?: () => boolean;
}

/** The mirror of quest completions on a real database; what it reads of RTDB is given by path. */
export function mirrorOn(
  url: string,
  readRtdb: (path: string) => unknown = () => null,
  options: TestMirrorOptions = {},
): TestMirror<CompletionLeaf> {
  return mirrorPathOn(QUEST_COMPLETIONS, createDayOverwrite(), url, readRtdb, options);
}

/** The mirror of any path, likewise. */
export function mirrorPathOn<Leaf extends LogKey>(
  mirrored: MirroredPath<Leaf>,
  explainErasure: ExplainErasure<Leaf> | null,
  url: string,
  readRtdb: (path: string) => unknown,
  options: TestMirrorOptions = {},
): TestMirror<Leaf> {
  const store = openMirrorStore(mirrored, clientConfig(url), options.connectionsMax ?? 1);
  const context: MirrorContext<Leaf> = {
    mirrored,
    explainErasure,
    isEnabled: options.isEnabled ?? (() => true),
    retentionDays: options.retentionDays ?? 0,
    store: () => store,
    rtdb: {
      isReadable: ({ instance }) => instance !== null,
      read: async ({ path }) => ({ isWhole: true, value: await readRtdb(path) }),
      glimpse: async ({ path }) => ({ isWhole: true, value: await readRtdb(path) }),
    },
  };
  return { mirror: (event) => mirrorEvent(event, context, RETURNED), store };
}

/** The one row of `quest_completions`, as the tests of outcomes look at it. */
export async function onlyRow(database: TestDatabase): Promise<unknown> {
  const rows = await database.query(
    `select payload, origin, event_id, deleted_at is not null as is_tombstone,
       to_char(event_time at time zone 'UTC', 'HH24:MI:SS.US') as time
     from rtdb.quest_completions`,
  );
  return rows[0];
}

/** What the divergence log holds, by kind. */
export function allDivergences(database: TestDatabase): Promise<unknown[]> {
  return database.query(
    `select kind, cause, severity, rtdb_value, postgres_value, times_seen,
       resolved_at is not null as is_resolved
     from mirror.divergence_log order by kind`,
  );
}
