import { ConnectError } from '../../functions/src/postgres/connect-error';
import { findFreePort } from '../../local/free-port';
import { cloneDatabase, type TestDatabase } from '../support/database';
import {
  allDivergences,
  mirrorOn,
  onlyRow,
  REF,
  type TestMirror,
  writeOf,
} from '../support/mirror';

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
    await database.query('truncate rtdb.quest_completions, mirror.divergence_log');
  });

  afterAll(async () => {
    await under.store.close();
    await database.drop();
  });

  const row = () => onlyRow(database);
  const divergences = () => allDivergences(database);

  test('applied: the row has the event’s version to the microsecond', async () => {
    const outcome = await under.mirror(writeOf({ id: 'e1', time: '2025-11-19T12:00:00.123456Z' }));
    expect(outcome).toMatchObject({ outcome: 'applied', missedEvent: false });
    expect(await row()).toEqual({
      payload: true,
      origin: 'rtdb',
      tie_settled: false,
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
    expect(await row()).toMatchObject({
      payload: 1763553600000,
      origin: 'rtdb',
      tie_settled: true,
    });
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

  test('tied, and the event names no database to read: recorded, and not tried forever', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    const other = writeOf({ id: 'e2', before: true, after: 5, instance: undefined });
    expect(await under.mirror(other)).toMatchObject({ outcome: 'rejected' });
    expect(await row()).toMatchObject({ payload: true, event_id: 'e1' });
    expect(await divergences()).toMatchObject([
      { kind: 'value_mismatch', cause: 'unknown', severity: 'warning', rtdb_value: 5 },
    ]);
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

  const completedAt = (iso: string) => ({ completedAt: iso, by: 'phone' });
  test.each([
    ['of what it buries', completedAt('2025-11-19T11:00:00Z'), null, '11:00:00'],
    ['of the write, where before is no completion', 'yes', null, '12:00:00'],
    [
      'of a completion, not of the one before it',
      completedAt('2025-11-19T11:00:00Z'),
      completedAt('2025-11-19T11:30:00Z'),
      '11:30:00',
    ],
    ['of a completion after none', false, completedAt('2025-11-19T11:30:00Z'), '11:30:00'],
  ])('a first event’s row shows the time %s', async (_case, before, after, expected) => {
    await under.mirror(writeOf({ id: 'e1', before, after }));
    const rows = await database.query(
      `select to_char(completed_at at time zone 'UTC', 'HH24:MI:SS') as time from rtdb.quest_completions`,
    );
    expect(rows).toEqual([{ time: expected }]);
  });

  test('false is not completed', async () => {
    await under.mirror(writeOf({ id: 'e1', after: false }));
    expect(await row()).toMatchObject({ payload: null, is_tombstone: true });
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

  test('without retention, a deletion of however old a day leaves a tombstone', async () => {
    await under.mirror(writeOf({ id: 'e1' }));
    const late = { before: true, after: null, time: '2026-01-19T12:00:00Z' };
    expect(await under.mirror(writeOf({ id: 'e2', ...late }))).toMatchObject({
      outcome: 'applied',
    });
    expect(await row()).toMatchObject({ is_tombstone: true, event_id: 'e2' });
  });

  test('disabled: nothing is written, and no refusal is recorded', async () => {
    const off = mirrorOn(database.url, undefined, { isEnabled: () => false });
    for (const after of [true, 'yes']) {
      expect(await off.mirror(writeOf({ id: 'e1', after }))).toEqual({ outcome: 'disabled' });
    }
    await off.store.close();
    expect(await row()).toBeUndefined();
    expect(await divergences()).toEqual([]);
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

  test('an erasure that was not told of, as the first delivery was cut off, is told of by the next', async () => {
    const refs = [1, 2].map((n) => REF.replace('quest_1', `quest_${n}`));
    for (const [n, ref] of refs.entries()) await under.mirror(writeOf({ id: `c${n}`, ref }));
    const erasure = { before: true, after: null, time: '2025-11-19T12:05:00.5Z' };
    const erase = () =>
      Promise.all(refs.map((ref, n) => under.mirror(writeOf({ id: `d${n}`, ref, ...erasure }))));
    await erase();
    await database.query('truncate mirror.divergence_log');
    expect(await erase()).toMatchObject([{ outcome: 'duplicate' }, { outcome: 'duplicate' }]);
    expect(await divergences()).toMatchObject([
      { kind: 'ancestor_overwrite' },
      { kind: 'ancestor_overwrite' },
    ]);
  });

  test('an erasure that a newer write overtook is not told of', async () => {
    const refs = [1, 2].map((n) => REF.replace('quest_1', `quest_${n}`));
    await under.mirror(writeOf({ id: 'c0', time: '2025-11-19T12:06:00Z' }));
    await under.mirror(writeOf({ id: 'c1', ref: refs[1] ?? '' }));
    const erasure = { before: true, after: null, time: '2025-11-19T12:05:00.5Z' };
    for (const [n, ref] of [...refs.entries()].reverse()) {
      await under.mirror(writeOf({ id: `d${n}`, ref, ...erasure }));
    }
    expect((await divergences()).map((row) => (row as { kind: string }).kind)).toEqual([
      'out_of_order',
    ]);
  });

  test('what may yet succeed is thrown, for the platform to deliver again', async () => {
    const port = await findFreePort();
    const away = mirrorOn(`postgres://postgres@127.0.0.1:${port}/postgres`);
    await expect(away.mirror(writeOf({ id: 'e1' }))).rejects.toThrow(ConnectError);
    await away.store.close();
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
