import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorPathOn, type TestMirror } from '../support/mirror';
import { divergences } from '../support/mirror-tables';
import { appValueOf, PATHS_OF_APP, refOf, writeAt } from './support/path-events';

const OLD_DAY = '2025-10-01';
const LONG_AGO = '2025-10-01T12:00:00Z';
const LATELY = '2025-11-10T12:00:00Z';
const NOW = '2025-11-19T03:00:00Z';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

describe.each(PATHS_OF_APP)('with a retention of 30 days, $name', (mirrored) => {
  const { name, dayColumn } = mirrored;
  const ref = refOf(mirrored, 'alice_bob', OLD_DAY);
  const value = appValueOf(mirrored);
  let under: TestMirror;

  beforeAll(() => {
    under = mirrorPathOn(mirrored, database.url, () => null, { retentionDays: 30 });
  });

  beforeEach(() => database.query(`truncate rtdb.${name}, mirror.divergence_log`));

  afterAll(() => under.store.close());

  const write = (time: string, id: string) => under.mirror(writeAt(ref, value, { time, id }));
  const remove = () =>
    under.mirror(writeAt(ref, null, { before: value, time: NOW, id: 'removal' }));

  const rows = () =>
    database.query<{ live: boolean; payload: unknown }>(
      `select deleted_at is null as live, payload from rtdb.${name}`,
    );

  const kinds = async () => (await divergences(database)).map(({ kind }) => kind);

  const BURIED = [{ live: false, payload: null }];

  if (dayColumn === null) {
    test('has no day, so that each removal is a user’s own', async () => {
      await write(LONG_AGO, 'first');
      expect(await remove()).toMatchObject({ outcome: 'applied' });
      expect(await rows()).toEqual(BURIED);
      expect(await kinds()).toEqual([]);
    });
    return;
  }

  test('keeps the row of a leaf that is removed when its day is older', async () => {
    await write(LONG_AGO, 'first');
    expect(await remove()).toEqual({ outcome: 'retained' });
    expect(await remove()).toEqual({ outcome: 'retained' });
    expect(await rows()).toEqual([{ live: true, payload: value }]);
    expect(await divergences(database)).toMatchObject([
      {
        ...{ path: name, kind: 'missing_in_rtdb', cause: 'retention', severity: 'info' },
        ref: ref.slice(0, ref.indexOf(OLD_DAY) + OLD_DAY.length),
        ...{ shard: 'alice_bob', day: OLD_DAY, key: null, times_seen: 1 },
      },
    ]);
  });

  test('buries a leaf of an old day that was written within the span: the user’s own', async () => {
    await write(LONG_AGO, 'first');
    await write(LATELY, 'second');
    expect(await remove()).toMatchObject({ outcome: 'applied' });
    expect(await remove()).toMatchObject({ outcome: 'duplicate' });
    expect(await rows()).toEqual(BURIED);
  });

  test('of a leaf that it never had leaves a tombstone, against a write that comes late', async () => {
    expect(await remove()).toEqual({ outcome: 'retained' });
    expect(await write(LATELY, 'late')).toMatchObject({ outcome: 'stale' });
    expect(await rows()).toEqual(BURIED);
  });

  test('a removal that overtakes the write before it is not undone by that', async () => {
    const other = writeAt(ref, value, { time: LONG_AGO, id: 'first' });
    const older = typeof value === 'object' ? { ...value, more: 1 } : 1_759_320_000_000;
    await under.mirror({ ...other, after: older });
    expect(await remove()).toMatchObject({ outcome: 'applied' });
    expect(await write(LATELY, 'late')).toMatchObject({ outcome: 'stale' });
    expect(await rows()).toEqual(BURIED);
  });

  test('takes a write of an old day, whatever was there before it', async () => {
    expect(await write(NOW, 'late')).toMatchObject({ outcome: 'applied', missedEvent: false });
    expect(await rows()).toEqual([{ live: true, payload: value }]);
    expect(await kinds()).toEqual([]);
  });

  test('buries a leaf whose day is younger', async () => {
    const time = '2025-10-20T12:00:00Z';
    await write(LONG_AGO, 'first');
    const removal = writeAt(ref, null, { before: value, time, id: 'removal' });
    expect(await under.mirror(removal)).toMatchObject({ outcome: 'applied' });
    expect(await rows()).toEqual(BURIED);
  });
});
