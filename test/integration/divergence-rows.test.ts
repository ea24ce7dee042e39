import { dailyQuests } from '../../functions/src/paths/daily-quests';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorOn, mirrorPathOn, REF, type TestMirror, writeOf } from '../support/mirror';

/** What a row of the log tells of the event that made it: enough to find the leaf and its writer. */
describe('a divergence of the mirror', () => {
  let database: TestDatabase;
  let rtdb: Map<string, unknown>;
  let under: TestMirror;

  beforeAll(async () => {
    database = await cloneDatabase();
    under = mirrorOn(database.url, (path) => rtdb.get(path) ?? null);
  });

  beforeEach(async () => {
    rtdb = new Map();
    await database.query('truncate rtdb.quest_completions, mirror.divergence_log');
  });

  afterAll(async () => {
    await under.store.close();
    await database.drop();
  });

  const rows = () =>
    database.query(
      `select path, ref, shard, to_char(day, 'YYYY-MM-DD') as day, key,
         kind, cause, severity, rtdb_value, postgres_value, event_id,
         to_char(event_time at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as event_time,
         detail - 'event_ids' - 'first_event_id' as detail
       from mirror.divergence_log order by ref`,
    );
  const WRITER = { authType: 'app_user', authId: 'bob' };
  const ORIGIN = { instance: 'demo-quests-default-rtdb', auth_type: 'app_user', auth_id: 'bob' };
  const LEAF = {
    ref: REF,
    path: 'quest_completions',
    shard: 'alice_bob',
    day: '2025-11-19',
    key: {
      ...{ couple_id: 'alice_bob', date_key: '2025-11-19' },
      ...{ quest_id: 'quest_1', user_id: 'bob' },
    },
    event_id: 'e2',
    event_time: '2025-11-19 12:00:00',
  };

  test('an event that is no completion: its fields, its value, its keys as far as they go', async () => {
    const ref = REF.replace('quest_1', 'q\u0000').replace('2025-11-19', '2025-02-30');
    const event = writeOf({ id: 'e2', ref, after: 'no\u0000', ...WRITER });
    const answer = await under.mirror(event);
    expect(answer).toMatchObject({
      outcome: 'rejected',
      issues: [{ field: 'dateKey' }, { field: 'questId' }, { field: 'value' }],
    });
    expect(await rows()).toEqual([
      {
        ...LEAF,
        ref: ref.replace('\u0000', '\\u0000'),
        day: null,
        key: { ...LEAF.key, date_key: '2025-02-30', quest_id: 'q\\u0000' },
        kind: 'invalid_payload',
        cause: 'rejected',
        severity: 'error',
        rtdb_value: 'no\\u0000',
        postgres_value: null,
        detail: {
          ...ORIGIN,
          issues: ['dateKey', 'questId', 'value'].map((field) => ({
            field,
            message: expect.stringMatching(/^expected /),
          })),
        },
      },
    ]);
  });

  test('a path that names no leaf has no keys, and nothing is told of an unknown writer', async () => {
    const event = { id: 'e2', ref: 'daily_quests/x', after: 5, instance: undefined };
    await under.mirror(writeOf(event));
    expect(await rows()).toMatchObject([
      { shard: null, day: null, key: null, rtdb_value: 5, detail: { issues: [{}] } },
    ]);
    const [row] = (await rows()) as { detail: object }[];
    expect(Object.keys(row?.detail ?? {})).toEqual(['issues']);
  });

  test('an event that came late: how late, and what stands there', async () => {
    await under.mirror(writeOf({ id: 'e1', time: '2025-11-19T12:00:03Z', after: 7 }));
    await under.mirror(writeOf({ id: 'e2', after: null, before: 5, ...WRITER }));
    expect(await rows()).toEqual([
      {
        ...LEAF,
        kind: 'out_of_order',
        cause: 'race',
        severity: 'info',
        rtdb_value: null,
        postgres_value: 7,
        detail: {
          ...ORIGIN,
          lateness_ms: expect.any(Number),
          behind_ms: 3_000,
          row_event_id: 'e1',
        },
      },
    ]);
  });

  test('a deletion beyond retention: the day of the couple, whatever the leaf', async () => {
    const retaining = mirrorOn(database.url, undefined, { retentionDays: 30 });
    try {
      const time = '2026-01-19T12:00:00Z';
      await retaining.mirror(writeOf({ id: 'e2', before: true, after: null, time, ...WRITER }));
      // `false` and a completion are writes of somebody's, not the app's housekeeping.
      expect(
        await retaining.mirror(writeOf({ id: 'e3', after: false, time: '2026-01-19T12:00:00.5Z' })),
      ).toMatchObject({
        outcome: 'applied',
        missedEvent: false,
      });
      expect(
        await retaining.mirror(writeOf({ id: 'e4', before: 5, time: '2026-01-19T12:00:01Z' })),
      ).toMatchObject({ outcome: 'applied', missedEvent: false });
    } finally {
      await retaining.store.close();
    }
    expect(await rows()).toEqual([
      {
        ...LEAF,
        ref: 'daily_quests/alice_bob/2025-11-19',
        key: null,
        event_time: '2026-01-19 12:00:00',
        kind: 'missing_in_rtdb',
        cause: 'retention',
        severity: 'info',
        rtdb_value: null,
        postgres_value: null,
        detail: { retention_days: 30 },
      },
    ]);
  });

  test('a tie that nothing settles, and one that RTDB settles wrongly', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    const other = { id: 'e2', before: true, ...WRITER };
    const unsettled = await under.mirror(writeOf({ ...other, after: 5, instance: undefined }));
    expect(unsettled).toEqual({
      outcome: 'rejected',
      issues: [{ field: 'instance', message: 'expected a database' }],
    });
    expect(await rows()).toEqual([
      {
        ...LEAF,
        kind: 'value_mismatch',
        cause: 'unknown',
        severity: 'warning',
        rtdb_value: 5,
        postgres_value: null,
        detail: { tied: true, auth_type: 'app_user', auth_id: 'bob' },
      },
    ]);
    await database.query('truncate mirror.divergence_log');
    rtdb.set(REF, 'yes');
    const reread = await under.mirror(writeOf({ ...other, after: null }));
    expect(reread).toMatchObject({ outcome: 'rejected', issues: [{ field: 'value' }] });
    expect(await rows()).toMatchObject([
      { ...LEAF, kind: 'invalid_payload', rtdb_value: 'yes', detail: ORIGIN },
    ]);
  });

  test('what Postgres refuses for good: its SQLSTATE and its words', async () => {
    await database.query(
      `alter table rtdb.quest_completions add constraint no_seven check (payload <> '7')`,
    );
    try {
      const refused = await under.mirror(writeOf({ id: 'e2', after: 7, ...WRITER }));
      expect(refused).toEqual({
        outcome: 'rejected',
        issues: [{ field: 'row', message: 'SQLSTATE 23514' }],
      });
    } finally {
      await database.query('alter table rtdb.quest_completions drop constraint no_seven');
    }
    expect(await rows()).toEqual([
      {
        ...LEAF,
        kind: 'write_rejected',
        cause: 'rejected',
        severity: 'error',
        rtdb_value: 7,
        postgres_value: null,
        detail: {
          ...ORIGIN,
          sqlstate: '23514',
          message: expect.stringContaining('no_seven'),
        },
      },
    ]);
  });

  test('an overwrite: what was erased, and why it is taken for one', async () => {
    const completed = { id: 'e1', after: 7, time: '2025-11-19T11:59:00Z' };
    await under.mirror(writeOf(completed));
    const erasure = { id: 'e2', before: 7, after: null, authType: 'app_user', authId: 'alice' };
    await under.mirror(writeOf(erasure));
    expect(await rows()).toEqual([
      {
        ...LEAF,
        kind: 'ancestor_overwrite',
        cause: 'ancestor_overwrite',
        severity: 'warning',
        rtdb_value: null,
        postgres_value: 7,
        detail: { ...ORIGIN, auth_id: 'alice', evidence: ['partner_wrote'] },
      },
    ]);
    const tombstones = await database.query(
      `select to_char(completed_at at time zone 'UTC', 'HH24:MI:SS') as completed_at,
         deleted_at is not null as is_deleted from rtdb.quest_completions`,
    );
    expect(tombstones).toMatchObject([{ is_deleted: true }]);
  });

  test('writing false is a user’s own doing, whoever wrote it', async () => {
    const partner = { authType: 'app_user', authId: 'alice' };
    await under.mirror(writeOf({ id: 'e1' }));
    const time = '2025-11-19T12:00:01Z';
    await under.mirror(writeOf({ id: 'e2', before: true, after: false, time, ...partner }));
    const later = '2025-11-19T12:00:02Z';
    await under.mirror(writeOf({ id: 'e3', before: false, after: null, time: later, ...partner }));
    expect(await rows()).toEqual([]);
  });
});

/** What one path's books hold is nothing to another's. */
describe('two paths of one shard', () => {
  const SHARD = 'daily_quests/alice_bob';
  let database: TestDatabase;
  let completions: TestMirror;
  let quests: TestMirror;

  beforeAll(async () => {
    database = await cloneDatabase();
    completions = mirrorOn(database.url);
    quests = mirrorPathOn(dailyQuests, database.url, () => null);
  });

  afterAll(async () => {
    await Promise.all([completions.store.close(), quests.store.close()]);
    await database.drop();
  });

  test('a hundred refused rows of one leave the other its own', async () => {
    await Promise.all(
      Array.from({ length: 101 }, (_, n) => {
        const ref = `${SHARD}/2025-11-19/completions/q${n}/bob`;
        return completions.mirror(writeOf({ id: `c${n}`, ref, after: 'no' }));
      }),
    );
    const ref = `${SHARD}/2025-02-30/quests`;
    await quests.mirror(writeOf({ id: 'd1', ref, after: [1] }));
    const ownRows = await database.query(
      `select path, count(*)::integer as rows, count(*) filter (where ref = $1)::integer as summaries
       from mirror.divergence_log where kind = 'invalid_payload' group by path order by path`,
      [SHARD],
    );
    expect(ownRows).toEqual([
      { path: 'daily_quests', rows: 1, summaries: 0 },
      { path: 'quest_completions', rows: 101, summaries: 1 },
    ]);
  });

  test('a late event of one resolves no gap of the other, though the ref is the same', async () => {
    await database.query(
      `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by, detail)
       select path, $1, 'missed_event', 'unknown', 'warning', 'trigger', jsonb_build_object(
         'gaps', jsonb_build_array(jsonb_build_object(
           'from_hash', null, 'from_time', '-infinity', 'to_hash', null, 'to_time', 'infinity'
         ))
       )
       from unnest('{daily_quests,quest_completions}'::text[]) as path`,
      [REF],
    );
    const time = '2025-11-19T12:00:05Z';
    await completions.mirror(writeOf({ id: 'e2', after: 5, before: null, time }));
    await completions.mirror(writeOf({ id: 'e1', after: null, before: null }));
    const open = await database.query(
      `select path from mirror.divergence_log
       where kind = 'missed_event' and resolved_at is null`,
    );
    expect(open).toEqual([{ path: 'daily_quests' }]);
  });
});
