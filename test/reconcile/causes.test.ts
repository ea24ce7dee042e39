import type {
  ReconcileContext,
  RunSummary,
} from '../../functions/src/completions-only/reconcile/reconcile';
import { runReconcile } from '../../functions/src/completions-only/reconcile/run-reconcile';
import type { DeliveredEvent } from '../../functions/src/mirror/delivered-event';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { TestDatabase } from '../support/database';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** Each cause, by what truly produces it: writes to RTDB, events through the mirror, faults between. */

const DATE = '2025-11-19';
const AT = (hour: number, second = 0) =>
  new Date(Date.UTC(2025, 10, 19, hour, 0, second)).toISOString();
const HOUR_MS = 3_600_000;
/** Noon of that day: well within the platform's 24 hours. */
const SAME_DAY = new Date(AT(20));
const DAYS_LATER = new Date('2025-11-23T12:00:00Z');

let database: TestDatabase;
let rtdb: StandinTree;
let mirror: TestMirror;
let connections: Connections;

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  mirror = mirrorOn(database.url, (path) => rtdb.rest.get(path.split('/')));
  connections = new Connections(clientConfig(database.url), 2);
  await database.query(`update mirror.paths set began_at = '2025-11-01'`);
});

afterEach(async () => {
  await mirror.store.close();
  await connections.close();
  await rtdb.standin.stop();
});

const leaf = (quest = 'quest_1', user = 'ann', couple = 'ann_bob') => [
  ...['daily_quests', couple, DATE],
  ...['completions', quest, user],
];

/** A write to RTDB whose event is lost. */
const lost = (path: string[], value: unknown) => rtdb.rest.set(path, value);

/** An event, whatever RTDB holds. */
const event = (id: string, time: string, path: string[], change: Partial<DeliveredEvent> = {}) =>
  mirror.mirror({ ...writeOf({ id, time, ref: path.join('/') }), ...change });

/** A write to RTDB whose event arrives. */
const mirrored = async (id: string, time: string, path: string[], value: unknown) => {
  const before = await rtdb.rest.get(path);
  await rtdb.rest.set(path, value);
  await event(id, time, path, { before, after: value });
};

const reconcile = (
  now: Date = DAYS_LATER,
  context: Partial<ReconcileContext> = {},
  days = { fromDate: DATE, toDate: DATE },
): Promise<RunSummary> =>
  runReconcile(
    { ...days, graceMs: 0, couples: null },
    { statements: connections, rtdb: rtdb.tree, retentionDays: 0, now: () => now, ...context },
  );

const open = () =>
  database.query<{ kind: string; cause: string; severity: string; detail: object }>(
    `select kind, cause, severity, detail from mirror.divergence_log
     where resolved_at is null and detected_by = 'reconciler' order by kind, ref collate "C"`,
  );

const gap = (reason: string, from: string, to: string | null) =>
  database.query('insert into mirror.coverage (reason, from_at, to_at) values ($1, $2, $3)', [
    reason,
    from,
    to,
  ]);

test('in_flight: it moved between the readings', async () => {
  await lost(leaf(), 1763553600000);
  let reads = 0;
  const tree = {
    ...rtdb.tree,
    readDays: async (...asked: Parameters<typeof rtdb.tree.readDays>) => {
      reads += 1;
      await lost(leaf(), 1763553600000 + reads);
      return rtdb.tree.readDays(...asked);
    },
  };
  const run = await reconcile(DAYS_LATER, { rtdb: tree });
  expect(run.missingInPostgres).toBe(1);
  expect(await open()).toMatchObject([
    { kind: 'missing_in_postgres', cause: 'in_flight', severity: 'info' },
  ]);
});

test('in_flight: an outage touches the write, and the platform still delivers', async () => {
  await lost(leaf(), Date.parse(AT(12)));
  await gap('outage', AT(11), AT(13));
  await reconcile(SAME_DAY);
  expect(await open()).toMatchObject([
    { cause: 'in_flight', detail: { evidence: { coverage: { reason: 'outage' } } } },
  ]);
});

test('rejected: RTDB holds what the mirror refused', async () => {
  await lost(leaf(), 'rubbish');
  await event('e1', AT(12), leaf(), { after: 'rubbish' });
  await reconcile();
  expect(await open()).toMatchObject([
    { kind: 'missing_in_postgres', cause: 'rejected', detail: { evidence: { refused: 'value' } } },
  ]);
});

test('rejected: Postgres refuses the row', async () => {
  await database.query(
    `alter table rtdb.quest_completions add constraint no_quiz check (quest_id <> 'quest_1')`,
  );
  await mirrored('e1', AT(12), leaf(), true);
  await reconcile();
  expect(await open()).toMatchObject([
    { kind: 'missing_in_postgres', cause: 'rejected', detail: { evidence: { refused: 'write' } } },
  ]);
});

test.each([
  ['update', `update rtdb.quest_completions set payload = '7'`, 'value_mismatch'],
  ['delete', 'delete from rtdb.quest_completions', 'missing_in_postgres'],
])('direct_postgres_write: an %s past the mirror', async (operation, statement, kind) => {
  await mirrored('e1', AT(12), leaf(), true);
  await database.query(statement);
  await reconcile();
  expect(await open()).toMatchObject([
    { kind, cause: 'direct_postgres_write', detail: { evidence: { operation } } },
  ]);
});

test('direct_postgres_write: an insert that RTDB knows nothing of', async () => {
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     values ('ann_bob', $1, 'quest_1', 'ann', now(), 'true', 'rtdb', now())`,
    [DATE],
  );
  await reconcile();
  expect(await open()).toMatchObject([
    { kind: 'missing_in_rtdb', cause: 'direct_postgres_write', severity: 'error' },
  ]);
});

test('a direct write that the mirror wrote over since is no cause', async () => {
  await mirrored('e1', AT(12), leaf(), 1763553600000);
  await database.query(`update rtdb.quest_completions set payload = '7'`);
  await mirrored('e2', AT(13), leaf(), 1763553600001);
  await lost(leaf(), 1763553600002);
  await reconcile();
  expect(await open()).toMatchObject([{ kind: 'value_mismatch', cause: 'retries_exhausted' }]);
});

test('client_without_rtdb: an old app claimed what RTDB never showed', async () => {
  await database.query(
    `begin; set local mirror.writer = 'on';
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time,
        client_claimed_at)
     values ('ann_bob', '2025-11-19', 'quest_1', 'ann', now(), 'true', 'client', '-infinity',
       now());
     commit`,
  );
  const run = await reconcile();
  expect(run.missingInRtdb).toBe(1);
  expect(await open()).toMatchObject([
    { kind: 'client_only', cause: 'client_without_rtdb', severity: 'warning' },
  ]);
});

test('retention: RTDB dropped an old day, the row stays', async () => {
  const keeping = mirrorOn(database.url, () => null, { retentionDays: 2 });
  await mirrored('e1', AT(12), leaf(), true);
  await rtdb.rest.set(leaf(), null);
  const deletion = writeOf({ id: 'e2', time: '2025-11-23T03:00:00Z', ref: leaf().join('/') });
  expect(await keeping.mirror({ ...deletion, before: true, after: null })).toEqual({
    outcome: 'retained',
  });
  await keeping.store.close();
  await reconcile(DAYS_LATER, { retentionDays: 2 });
  const expected = [{ kind: 'missing_in_rtdb', cause: 'retention', severity: 'info' }];
  expect(await open()).toMatchObject(expected);
  // Also where the reconciler was not told of retention: the log shows it.
  await reconcile(DAYS_LATER, { retentionDays: 0 });
  expect(await open()).toMatchObject(expected);
});

test('race: the events say another order than RTDB shows', async () => {
  await rtdb.rest.set(leaf(), 1763553600001);
  await event('e2', AT(12, 2), leaf(), { after: 1763553600002 });
  await event('e1', AT(12, 1), leaf(), { after: 1763553600001 });
  await reconcile();
  expect(await open()).toMatchObject([
    {
      kind: 'value_mismatch',
      cause: 'race',
      severity: 'warning',
      detail: { evidence: { tied: false } },
    },
  ]);
});

test('race: a tie that nothing could settle', async () => {
  await rtdb.rest.set(leaf(), 1763553600001);
  await event('e1', AT(12), leaf(), { after: 1763553600002, instance: null });
  await event('e2', AT(12), leaf(), { after: 1763553600001, instance: null });
  await reconcile();
  expect(await open()).toMatchObject([
    { kind: 'value_mismatch', cause: 'race', detail: { evidence: { tied: true } } },
  ]);
});

test('ancestor_overwrite: the day was overwritten, and one leaf was not told', async () => {
  for (const user of ['ann', 'bob'])
    await mirrored(`e-${user}`, AT(12), leaf('quest_1', user), true);
  await mirrored('e-2', AT(12, 5), leaf('quest_2', 'bob'), true);
  await rtdb.rest.set(['daily_quests', 'ann_bob', DATE], {
    generatedAt: Date.parse(AT(13)),
    quests: [{ id: 'quest_9' }],
  });
  const gone = { before: true, after: null };
  await event('d1', AT(13), leaf('quest_1', 'ann'), gone);
  await event('d2', AT(13), leaf('quest_1', 'bob'), gone);
  await reconcile();
  expect(await open()).toMatchObject([
    { kind: 'missing_in_rtdb', cause: 'ancestor_overwrite', severity: 'warning' },
  ]);
});

test.each(['flag_off', 'percent'])('flag_disabled: %s when the write was made', async (reason) => {
  await lost(leaf(), Date.parse(AT(12)));
  await gap(reason, AT(11), AT(13));
  await reconcile();
  expect(await open()).toMatchObject([
    { cause: 'flag_disabled', severity: 'warning', detail: { evidence: { coverage: { reason } } } },
  ]);
});

test('flag_disabled: a deletion while mirroring was off', async () => {
  await mirrored('e1', AT(10), leaf(), true);
  await gap('flag_off', AT(11), AT(13));
  await lost(leaf(), null);
  await reconcile();
  expect(await open()).toMatchObject([{ kind: 'missing_in_rtdb', cause: 'flag_disabled' }]);
});

test('mirroring that was off at another time is no cause', async () => {
  await lost(leaf(), Date.parse(AT(15)));
  await mirrored('e1', AT(14), leaf('quest_2'), true);
  await lost(leaf('quest_2'), null);
  await gap('flag_off', AT(11), AT(13));
  await reconcile(SAME_DAY);
  expect((await open()).map(({ cause }) => cause)).toEqual(['unknown', 'unknown']);
});

test('before_mirroring: the leaf is of a day before it began', async () => {
  await lost(leaf(), true);
  await database.query(`update mirror.paths set began_at = '2025-11-19'`);
  await reconcile();
  expect(await open()).toMatchObject([
    { kind: 'missing_in_postgres', cause: 'before_mirroring', severity: 'info' },
  ]);
});

test('fan_out_limit: a write of more leaves than the platform tells of', async () => {
  const quests = Array.from({ length: 510 }, (_, n) => `quest_${n}`);
  await rtdb.rest.set(
    ['daily_quests', 'ann_bob', DATE, 'completions'],
    Object.fromEntries(quests.map((quest) => [quest, { ann: true }])),
  );
  const arriving = quests.slice(0, 500).map((quest) => event(`e-${quest}`, AT(12), leaf(quest)));
  await Promise.all(arriving);
  await lost(leaf('quest_1', 'cyd', 'cyd_dan'), true);
  const run = await reconcile(SAME_DAY);
  expect(run).toMatchObject({ matched: 500, missingInPostgres: 11 });
  const causes = (await open()).map(({ cause }) => cause);
  expect(causes.filter((cause) => cause === 'fan_out_limit')).toHaveLength(10);
  expect(causes.filter((cause) => cause === 'unknown')).toHaveLength(1);
});

test('retries_exhausted: an event that did not come within the retry window', async () => {
  await lost(leaf(), Date.parse(AT(12)));
  await lost(leaf('quest_2'), true);
  await reconcile(new Date(Date.parse(AT(12)) + 25 * HOUR_MS));
  expect(await open()).toMatchObject([
    { cause: 'retries_exhausted', detail: { evidence: { reckoned_from: 'completed_at' } } },
    // Its day may have ended less than a day ago, somewhere.
    { cause: 'unknown' },
  ]);
  await reconcile(DAYS_LATER);
  expect((await open()).map(({ cause }) => cause)).toEqual([
    'retries_exhausted',
    'retries_exhausted',
  ]);
});

test.each([1763553600, { completedAt: 1763553600 }, { completedAt: '1970-01-21T09:52:33Z' }])(
  'unknown: %j was lost just now, and is no sane time',
  async (value) => {
    await lost(leaf(), value);
    await reconcile(SAME_DAY);
    expect(await open()).toMatchObject([{ kind: 'missing_in_postgres', cause: 'unknown' }]);
  },
);

test('rejected: days of another calendar, once a run reads them', async () => {
  await rtdb.rest.set(['daily_quests', 'ann_bob', '2568-11-19', ...leaf().slice(3)], true);
  await reconcile(DAYS_LATER, {}, { fromDate: '2568-11-19', toDate: '2568-11-19' });
  expect(await open()).toMatchObject([
    { cause: 'rejected', detail: { evidence: { refused: 'path', fields: ['dateKey'] } } },
  ]);
});

test('retries_exhausted: a deletion, from when it was first seen', async () => {
  await mirrored('e1', AT(12), leaf(), true);
  await lost(leaf(), null);
  await reconcile();
  expect(await open()).toMatchObject([{ kind: 'missing_in_rtdb', cause: 'unknown' }]);
  await reconcile(new Date(Date.now() + 25 * HOUR_MS));
  expect(await open()).toMatchObject([
    {
      cause: 'retries_exhausted',
      severity: 'error',
      detail: { evidence: { reckoned_from: 'first_seen_at' } },
    },
  ]);
});

test('what the reconciler opened, the trigger counts on', async () => {
  await lost(leaf(), 'rubbish');
  await database.query(
    `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by, detail)
     values ('quest_completions', $1, 'invalid_payload', 'rejected', 'error', 'backfill', '{"found_by": "backfill"}')`,
    [leaf().join('/')],
  );
  for (const id of ['e1', 'e2', 'e2', 'e3']) await event(id, AT(12), leaf(), { after: 'rubbish' });
  expect(
    await database.query(
      `select times_seen, detail -> 'event_ids' as events from mirror.divergence_log`,
    ),
  ).toEqual([{ times_seen: 4, events: ['e1', 'e2', 'e3'] }]);
});

test('unknown: nothing fits', async () => {
  await lost(leaf(), true);
  await reconcile(SAME_DAY);
  expect(await open()).toMatchObject([{ cause: 'unknown', severity: 'error' }]);
});

describe('an event that was missed, though a later one came', () => {
  /** The first event is lost, the second begins from its state. */
  const missed = async () => {
    await mirrored('e1', AT(10), leaf(), 1763546400000);
    await lost(leaf(), 1763550000000);
    await mirrored('e3', AT(12), leaf(), 1763553600000);
  };

  const story = () =>
    database.query(
      `select cause, resolved_at is not null as is_resolved from mirror.divergence_log
       where kind = 'missed_event'`,
    );

  test('stays open while it may still come', async () => {
    await missed();
    await reconcile(SAME_DAY);
    expect(await story()).toEqual([{ cause: 'unknown', is_resolved: false }]);
  });

  test('is closed as lost once its retries are over and both sides agree', async () => {
    await missed();
    await reconcile();
    expect(await story()).toEqual([{ cause: 'retries_exhausted', is_resolved: true }]);
  });

  test('stays open as lost while the leaf differs', async () => {
    await missed();
    await lost(leaf(), 1763557200000);
    await reconcile();
    await reconcile();
    expect(await story()).toEqual([{ cause: 'retries_exhausted', is_resolved: false }]);
  });

  test('is explained by mirroring that was off in between', async () => {
    await missed();
    await gap('flag_off', AT(10, 30), AT(11));
    await reconcile(SAME_DAY);
    expect(await story()).toEqual([{ cause: 'flag_disabled', is_resolved: true }]);
  });

  test('is explained by a write past the mirror', async () => {
    await mirrored('e1', AT(10), leaf(), 1763546400000);
    await database.query(`update rtdb.quest_completions set payload = '7'`);
    await mirrored('e2', AT(12), leaf(), 1763553600000);
    await reconcile(SAME_DAY);
    expect(await story()).toEqual([{ cause: 'direct_postgres_write', is_resolved: true }]);
  });
});
