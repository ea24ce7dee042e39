import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorOn, REF, type TestMirror, writeOf } from '../support/mirror';

describe('what a row and the divergence log show after each outcome', () => {
  let database: TestDatabase;
  let rtdb: Map<string, unknown>;
  let under: TestMirror;

  beforeAll(async () => {
    database = await cloneDatabase();
    under = mirrorOn(database.url, (path) => rtdb.get(path) ?? null);
  });

  beforeEach(async () => {
    rtdb = new Map();
    await database.query('truncate quest_completions, mirror.divergence_log');
  });

  afterAll(async () => {
    await under.store.close();
    await database.drop();
  });

  const row = async () =>
    (
      await database.query(
        `select payload, origin, event_id, deleted_at is not null as is_tombstone,
           to_char(event_time at time zone 'UTC', 'HH24:MI:SS.US') as time
         from quest_completions`,
      )
    )[0];

  const divergences = () =>
    database.query(
      `select kind, cause, severity, rtdb_value, postgres_value, times_seen,
         resolved_at is not null as is_resolved
       from mirror.divergence_log order by kind`,
    );

  async function insertRow(origin: string, payload: unknown, mirroredAt: string): Promise<void> {
    await database.query(
      `insert into quest_completions (couple_id, date_key, quest_id, user_id, partner_id,
         completed_at, payload, origin, event_time, mirrored_at)
       values ('alice_bob', '2025-11-19', 'quest_1', 'bob', 'alice', now(), $1, $2, '-infinity', $3)`,
      [JSON.stringify(payload), origin, mirroredAt],
    );
  }

  test('applied: the row has the event’s version to the microsecond', async () => {
    const outcome = await under.mirror(writeOf({ id: 'e1', time: '2025-11-19T12:00:00.123456Z' }));
    expect(outcome).toMatchObject({ outcome: 'applied', missedEvent: false });
    expect(await row()).toEqual({
      payload: true,
      origin: 'rtdb',
      event_id: 'e1',
      is_tombstone: false,
      time: '12:00:00.123456',
    });
    expect(await divergences()).toEqual([]);
  });

  test('duplicate: nothing changes, nothing is logged', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    const before = await row();
    expect(await under.mirror(writeOf({ id: 'e1' }))).toMatchObject({ outcome: 'duplicate' });
    expect(await row()).toEqual(before);
    expect(await divergences()).toEqual([]);
  });

  test('stale: the newer row stays; a redelivery is not counted again', async () => {
    await under.mirror(writeOf({ id: 'e2', time: '2025-11-19T12:00:01Z' }));
    const late = writeOf({ id: 'e1', after: 1763553600000 });
    expect(await under.mirror(late)).toMatchObject({ outcome: 'stale' });
    await under.mirror(late);
    expect(await row()).toMatchObject({ payload: true, event_id: 'e2' });
    expect(await divergences()).toEqual([
      {
        kind: 'out_of_order',
        cause: 'race',
        severity: 'info',
        rtdb_value: 1763553600000,
        postgres_value: true,
        times_seen: 1,
        is_resolved: false,
      },
    ]);
    await under.mirror({ ...late, id: 'e0' });
    expect(await divergences()).toMatchObject([{ times_seen: 2 }]);
  });

  test('tied: the row gets what RTDB holds, whichever event comes last', async () => {
    rtdb.set(REF, 1763553600000);
    await under.mirror(writeOf({ id: 'e1' }));
    const other = writeOf({ id: 'e2', before: true, after: null });
    expect(await under.mirror(other)).toMatchObject({ outcome: 'tied' });
    expect(await row()).toMatchObject({ payload: 1763553600000, event_id: 'e2' });
    expect(await under.mirror(writeOf({ id: 'e1' }))).toMatchObject({ outcome: 'tied' });
    expect(await row()).toMatchObject({ payload: 1763553600000, origin: 'repair' });
    expect(await divergences()).toEqual([]);
  });

  test('tied, and RTDB holds no completion: refused, and the row stays', async () => {
    rtdb.set(REF, 'yes');
    await under.mirror(writeOf({ id: 'e1' }));
    const other = writeOf({ id: 'e2', before: true, after: null });
    expect(await under.mirror(other)).toMatchObject({ outcome: 'rejected' });
    expect(await row()).toMatchObject({ payload: true, event_id: 'e1' });
    expect(await divergences()).toMatchObject([{ kind: 'invalid_payload', rtdb_value: 'yes' }]);
  });

  test('a second event of one instant with the same state is a duplicate', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    expect(await under.mirror(writeOf({ id: 'e2' }))).toMatchObject({ outcome: 'duplicate' });
  });

  test('a deletion leaves a tombstone that an older write can’t raise', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    const deletion = { before: true, after: null, time: '2025-11-19T12:00:02Z' };
    await under.mirror(writeOf({ id: 'e3', ...deletion }));
    expect(await row()).toMatchObject({ payload: null, is_tombstone: true, event_id: 'e3' });
    await under.mirror(writeOf({ id: 'e2', time: '2025-11-19T12:00:01Z' }));
    expect(await row()).toMatchObject({ is_tombstone: true, event_id: 'e3' });
    await under.mirror(writeOf({ id: 'e4', time: '2025-11-19T12:00:03Z' }));
    expect(await row()).toMatchObject({ payload: true, is_tombstone: false, event_id: 'e4' });
  });

  test('false is not completed', async () => {
    await under.mirror(writeOf({ id: 'e1', after: false }));
    expect(await row()).toMatchObject({ payload: null, is_tombstone: true });
  });

  test('a gap before an event is logged, and resolved when the missing event comes', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    const third = { before: null, after: 5, time: '2025-11-19T12:00:02Z' };
    expect(await under.mirror(writeOf({ id: 'e3', ...third }))).toMatchObject({
      outcome: 'applied',
      missedEvent: true,
    });
    const missed = { kind: 'missed_event', rtdb_value: null, postgres_value: true };
    expect(await divergences()).toMatchObject([
      { ...missed, cause: 'unknown', severity: 'warning', is_resolved: false },
    ]);
    const second = { before: true, after: null, time: '2025-11-19T12:00:01Z' };
    await under.mirror(writeOf({ id: 'e2', ...second }));
    expect(await divergences()).toMatchObject([
      { ...missed, cause: 'race', severity: 'info', is_resolved: true },
      { kind: 'out_of_order', is_resolved: false },
    ]);
  });

  test('a gap stays open until the last of its events has come', async () => {
    const at = (second: number) => `2025-11-19T12:00:0${second}Z`;
    const write = (n: number) =>
      writeOf({ id: `e${n}`, before: n === 1 ? null : n - 1, after: n, time: at(n) });
    const gaps = async () =>
      (
        await database.query(
          `select resolved_at is not null as is_resolved, detail -> 'gaps' as gaps
           from mirror.divergence_log where kind = 'missed_event'`,
        )
      )[0];
    await under.mirror(write(1));
    await under.mirror(write(5));
    expect(await gaps()).toMatchObject({ gaps: [{ from_value: 1, to_value: 4 }] });
    await under.mirror(write(3));
    await under.mirror(write(3));
    expect(await gaps()).toMatchObject({
      is_resolved: false,
      gaps: [
        { from_value: 1, to_value: 2 },
        { from_value: 3, to_value: 4 },
      ],
    });
    await under.mirror(write(4));
    expect(await gaps()).toMatchObject({
      is_resolved: false,
      gaps: [{ from_value: 1, to_value: 2 }],
    });
    await under.mirror(write(2));
    expect(await gaps()).toEqual({ is_resolved: true, gaps: [] });
  });

  test('a lost first event of a day after mirroring began is not explained away', async () => {
    await database.query("update mirror.beginning set began_on = '2025-11-17'");
    try {
      await under.mirror(writeOf({ id: 'e1', before: true, after: 5 }));
      expect(await divergences()).toMatchObject([
        { kind: 'missed_event', cause: 'unknown', severity: 'warning' },
      ]);
    } finally {
      await database.query('update mirror.beginning set began_on = current_date');
    }
  });

  test('late events delivered by turns are counted once each', async () => {
    await under.mirror(writeOf({ id: 'e3', time: '2025-11-19T12:00:02Z' }));
    for (const id of ['e1', 'e2', 'e1', 'e2']) await under.mirror(writeOf({ id, after: 5 }));
    expect(await divergences()).toMatchObject([{ kind: 'out_of_order', times_seen: 2 }]);
  });

  test('a divergence that someone has locked holds up nobody else', async () => {
    await under.mirror(writeOf({ id: 'e2', time: '2025-11-19T12:00:01Z' }));
    await under.mirror(writeOf({ id: 'e1' }));
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query('select from mirror.divergence_log for update');
      const late = under.mirror(writeOf({ id: 'e0' }));
      const other = under.mirror(writeOf({ id: 'o1', ref: REF.replace('quest_1', 'quest_2') }));
      expect(await other).toMatchObject({ outcome: 'applied' });
      await expect(late).rejects.toMatchObject({ code: '55P03' });
    } finally {
      await client.query('rollback');
      client.release();
    }
    expect(await under.mirror(writeOf({ id: 'e0' }))).toMatchObject({ outcome: 'stale' });
  });

  test('a leaf that stood before mirroring began is no error', async () => {
    await under.mirror(writeOf({ id: 'e1', before: true, after: 5 }));
    expect(await divergences()).toMatchObject([
      { kind: 'missed_event', cause: 'before_mirroring', severity: 'info', rtdb_value: true },
    ]);
  });

  test.each([
    ['client', true, '2025-11-19T11:00:00Z', 0],
    ['backfill', true, '2025-11-19T13:00:00Z', 0],
    ['backfill', true, '2025-11-19T11:00:00Z', 1],
    ['repair', true, '2025-11-19T13:00:00Z', 0],
  ])('an event over a %s row read at %3$s: %4$d gaps', async (origin, payload, readAt, gaps) => {
    await insertRow(origin, payload, readAt);
    expect(await under.mirror(writeOf({ id: 'e1' }))).toMatchObject({ outcome: 'applied' });
    expect(await row()).toMatchObject({ origin: 'rtdb', event_id: 'e1' });
    expect(await divergences()).toHaveLength(gaps);
  });

  test('a value before that was refused tells of no gap', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    await under.mirror(
      writeOf({ id: 'e3', before: 'yes', after: 5, time: '2025-11-19T12:00:02Z' }),
    );
    expect(await divergences()).toEqual([]);
  });

  test('deletions beyond retention leave the rows, and are logged once a day of a couple', async () => {
    const retaining = mirrorOn(database.url, undefined, { retentionDays: 30 });
    try {
      await retaining.mirror(writeOf({ id: 'e1' }));
      const late = { before: true, after: null, time: '2026-01-19T12:00:00Z' };
      for (const [id, ref] of [
        ['e2', REF],
        ['e3', REF.replace('quest_1', 'quest_2')],
      ] as const) {
        expect(await retaining.mirror(writeOf({ id, ref, ...late }))).toEqual({
          outcome: 'retained',
        });
      }
      expect(await row()).toMatchObject({ payload: true, event_id: 'e1' });
      expect(await divergences()).toMatchObject([
        { kind: 'missing_in_rtdb', cause: 'retention', severity: 'info', times_seen: 2 },
      ]);
    } finally {
      await retaining.store.close();
    }
  });

  test('leaves erased by one write are told as such, the one that came first too', async () => {
    const refs = [1, 2, 3].map((n) => REF.replace('quest_1', `quest_${n}`));
    for (const [n, ref] of refs.entries()) await under.mirror(writeOf({ id: `c${n}`, ref }));
    const erasure = { before: true, after: null, time: '2025-11-19T12:05:00.5Z' };
    for (const [n, ref] of refs.entries()) {
      await under.mirror(writeOf({ id: `d${n}`, ref, ...erasure }));
    }
    const told = await database.query(
      `select ref, cause, severity, times_seen, detail -> 'evidence' as evidence
       from mirror.divergence_log where kind = 'ancestor_overwrite' order by ref`,
    );
    expect(told).toEqual(
      refs.map((ref) => ({
        ref,
        cause: 'ancestor_overwrite',
        severity: 'warning',
        times_seen: 1,
        evidence: ['siblings_erased'],
      })),
    );
  });

  test('a user’s own deletion is not an overwrite', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    rtdb.set('daily_quests/alice_bob/2025-11-19', { quests: [{ id: 'quest_1' }] });
    await under.mirror(
      writeOf({ id: 'e2', before: true, after: null, time: '2025-11-19T12:00:01Z' }),
    );
    expect(await divergences()).toEqual([]);
  });
});
