import { hash } from 'node:crypto';
import { cloneDatabase, type TestDatabase } from '../support/database';
import {
  allDivergences,
  mirrorOn,
  onlyRow,
  REF,
  type TestMirror,
  writeOf,
} from '../support/mirror';

/** What a gap keeps of a number. */
const hashOf = (value: number) => hash('sha256', String(value)).slice(0, 32);

describe('events that are missing, late, or seem to be', () => {
  let database: TestDatabase;
  let under: TestMirror;
  let rtdb: unknown = null;

  beforeAll(async () => {
    database = await cloneDatabase();
    under = mirrorOn(database.url, () => rtdb);
  });

  beforeEach(() => database.query('truncate rtdb.quest_completions, mirror.divergence_log'));

  afterAll(async () => {
    await under.store.close();
    await database.drop();
  });

  const row = () => onlyRow(database);
  const divergences = () => allDivergences(database);

  async function insertRow(origin: string, payload: unknown, mirroredAt: string): Promise<void> {
    await database.query(
      `insert into rtdb.quest_completions (couple_id, date_key, quest_id, user_id, partner_id,
         completed_at, payload, origin, event_time, mirrored_at)
       values ('alice_bob', '2025-11-19', 'quest_1', 'bob', 'alice', now(), $1, $2, '-infinity', $3)`,
      [JSON.stringify(payload), origin, mirroredAt],
    );
  }

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

  test.each([
    ['in the order of writing but the last', [1, 2]],
    ['backwards', [2, 1]],
  ])('writes of one instant fill the gap before the last of them: %s', async (_order, late) => {
    // Times without a fraction: what a phone writes within a second is of one instant.
    const write = (n: number) => writeOf({ id: `e${n}`, before: n === 1 ? null : n - 1, after: n });
    rtdb = 3;
    await under.mirror(write(3));
    expect(await divergences()).toMatchObject([{ kind: 'missed_event', is_resolved: false }]);
    for (const n of late) await under.mirror(write(n));
    expect(await row()).toMatchObject({ payload: 3 });
    expect(await divergences()).toMatchObject([{ kind: 'missed_event', is_resolved: true }]);
  });

  test('a write of the same instant that leads elsewhere fills no gap', async () => {
    rtdb = 3;
    await under.mirror(writeOf({ id: 'e3', before: 2, after: 3 }));
    await under.mirror(writeOf({ id: 'e1', before: 5, after: 6 }));
    expect(await divergences()).toMatchObject([{ kind: 'missed_event', is_resolved: false }]);
  });

  test('a late event fills no gap of another path', async () => {
    const second = { before: true, after: null, time: '2025-11-19T12:00:01Z' };
    await under.mirror(writeOf({ id: 'e1' }));
    await under.mirror(writeOf({ id: 'e3', before: null, after: 5, time: '2025-11-19T12:00:02Z' }));
    await database.query(`update mirror.divergence_log set path = 'former'`);
    await under.mirror(writeOf({ id: 'e2', ...second }));
    expect(await divergences()).toMatchObject([
      { kind: 'missed_event', is_resolved: false },
      { kind: 'out_of_order' },
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
    expect(await gaps()).toMatchObject({ gaps: [{ from_hash: hashOf(1), to_hash: hashOf(4) }] });
    await under.mirror(write(3));
    await under.mirror(write(3));
    expect(await gaps()).toMatchObject({
      is_resolved: false,
      gaps: [
        { from_hash: hashOf(1), to_hash: hashOf(2) },
        { from_hash: hashOf(3), to_hash: hashOf(4) },
      ],
    });
    await under.mirror(write(4));
    expect(await gaps()).toMatchObject({
      is_resolved: false,
      gaps: [{ from_hash: hashOf(1), to_hash: hashOf(2) }],
    });
    await under.mirror(write(2));
    expect(await gaps()).toEqual({ is_resolved: true, gaps: [] });
  });

  test('a lost first event of a day after mirroring began is not explained away', async () => {
    await database.query("update mirror.paths set began_at = '2025-11-17'");
    try {
      await under.mirror(writeOf({ id: 'e1', before: true, after: 5 }));
      expect(await divergences()).toMatchObject([
        { kind: 'missed_event', cause: 'unknown', severity: 'warning' },
      ]);
    } finally {
      await database.query('update mirror.paths set began_at = clock_timestamp()');
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

  test('a value before that was refused shows no gap', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    await under.mirror(
      writeOf({ id: 'e3', before: 'yes', after: 5, time: '2025-11-19T12:00:02Z' }),
    );
    expect(await divergences()).toEqual([]);
  });
});
