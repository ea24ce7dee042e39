import { createDayOverwrite } from '../../functions/src/mirror/day-overwrite';
import type { DeliveredEvent } from '../../functions/src/mirror/delivered-event';
import { SaidOnce } from '../../functions/src/mirror/event-divergences';
import { mirrorEvent } from '../../functions/src/mirror/mirror-event';
import { type MirrorStore, openMirrorStore } from '../../functions/src/mirror/mirror-store';
import { type MirrorContext, type Outcome, PASSED_ON } from '../../functions/src/mirror/outcome';
import type { MirroredPath } from '../../functions/src/paths/mirrored-path';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { clientConfig } from '../../functions/src/postgres/client-config';
import type { TestDatabase } from './database';

export const REF = 'daily_quests/alice_bob/2025-11-19/completions/quest_1/bob';

/** A write event with everything that a test does not care about filled in. */
export function writeOf(event: Partial<DeliveredEvent> & { id: string }): DeliveredEvent {
  return {
    time: '2025-11-19T12:00:00Z',
    ref: REF,
    hasData: true,
    before: null,
    after: true,
    instance: 'demo-quests-default-rtdb',
    // As an emulator's: the command line finds the same RTDB at a stand-in.
    databaseHost: '127.0.0.1:9000',
    authType: 'unknown',
    authId: null,
    ...event,
  };
}

export interface TestMirror {
  mirror(event: DeliveredEvent): Promise<Outcome>;
  store: MirrorStore;
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
): TestMirror {
  return mirrorPathOn(questCompletions, url, readRtdb, options);
}

/** The mirror of any path, likewise. */
export function mirrorPathOn(
  mirrored: MirroredPath,
  url: string,
  readRtdb: (path: string) => unknown,
  options: TestMirrorOptions = {},
): TestMirror {
  const store = openMirrorStore(mirrored, clientConfig(url), options.connectionsMax ?? 1);
  const context: MirrorContext = {
    mirrored,
    explainErasure: mirrored.erasureRule === 'quest_day' ? createDayOverwrite() : null,
    isEnabled: options.isEnabled ?? (() => true),
    retentionDays: options.retentionDays ?? 0,
    store: () => store,
    rtdb: {
      isReadable: ({ instance }) => instance !== null,
      readLeaf: async ({ path }) => ({ isWhole: true, value: await readRtdb(path) }),
      readEvidence: async ({ path }) => ({ isWhole: true, value: await readRtdb(path) }),
    },
    said: new SaidOnce(),
  };
  return { mirror: (event) => mirrorEvent(event, context, PASSED_ON), store };
}

/** The one row of `quest_completions`, as the tests of outcomes look at it. */
export async function onlyRow(database: TestDatabase): Promise<unknown> {
  const rows = await database.query(
    `select payload, origin, tie_settled, event_id, deleted_at is not null as is_tombstone,
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
