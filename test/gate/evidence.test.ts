import { readEvidence } from '../../functions/src/gate/evidence';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { pristineDatabase } from '../support/pristine-database';
import { Books, PILOT } from './support/books';

let books: Books;

beforeEach(async () => {
  books = new Books(await pristineDatabase());
});

const evidence = async (shard: string | null = null) => {
  const [found] = await readEvidence(books.database.statements, [PILOT], shard, PROOF_TIMES);
  if (found === undefined) throw new Error('the pilot is not declared');
  return found;
};

const tally = ({
  total,
  differing,
  unknown,
}: {
  total: number;
  differing: number;
  unknown: number;
}) => [total, differing, unknown];

test('sums of a healthy mirror', async () => {
  await books.healthy();
  const found = await evidence();
  expect(found).toMatchObject({ shards: 30, unreadShards: 0, affectedShards: 0 });
  expect([tally(found.copy), tally(found.mirror)]).toEqual([
    [3000, 0, 0],
    [300, 0, 0],
  ]);
});

test('sums follow what readings change, and what becomes of shards', async () => {
  await books.healthy();
  await books.shard({ shard: 'couple0_x', keys: 7, brought: 3 });
  await books.database.query(`delete from mirror.readings where shard = 'couple1_x'`);
  await books.database.query(`update mirror.readings set due_at = now()`);
  const [sums] = await books.database.query(
    `select sum(shards)::integer as shards, sum(keys)::integer as keys, sum(brought)::integer as brought
     from mirror.reading_sums`,
  );
  expect(sums).toEqual({ shards: 29, keys: 2807, brought: 283 });
  await books.database.query('truncate mirror.readings');
  expect(await books.database.query('select from mirror.reading_sums')).toEqual([]);
});

test('sums of hours that no shard is left in go, when figures are counted', async () => {
  await books.healthy(1);
  await books.shard({ shard: 'couple0_x', full: '2 hours' });
  const hours = async () =>
    (
      await books.database.query(
        'select sum(shards)::integer as shards from mirror.reading_sums group by full_hour',
      )
    ).length;
  expect(await hours()).toBe(2);
  await books.database.query('select mirror.count_figures($1, $2, 0)', [PILOT, []]);
  expect(await hours()).toBe(1);
});

test('of shards by the thousand that were read once, all that moved in the window is unknown', async () => {
  await books.healthy(2);
  await books.database.query(
    `insert into mirror.readings (path, shard, keys, read_at, full_at)
     select $1, 'fresh' || n, 3, now() - interval '20 minutes', now() - interval '20 minutes'
     from generate_series(1, 1001) as n`,
    [PILOT],
  );
  await books.row('fresh7', 'a', '2 hours');
  await books.row('fresh8', 'b', '23 hours');
  await books.row('fresh9', 'c', '25 hours');
  const { mirror, copy } = await evidence();
  expect([tally(copy), tally(mirror)]).toEqual([
    [3203, 0, 0],
    [22, 0, 2],
  ]);
});

describe('unknown keys of the copy', () => {
  beforeEach(() => books.healthy());

  test.each<[string, () => Promise<void>, number, number]>([
    ['in flight', () => books.shard({ shard: 'couple3_x', inFlight: 4 }), 4, 4],
    [
      'of a shard that can’t be read',
      () => books.shard({ shard: 'couple3_x', failed: '1 hour' }),
      100,
      1,
    ],
    [
      'of one that was never read',
      () =>
        books.shard({
          shard: 'lost_x',
          keys: 0,
          brought: 0,
          read: null,
          full: null,
          counted: null,
        }),
      1,
      1,
    ],
    [
      'of one whose full reading is too old',
      () => books.shard({ shard: 'couple3_x', full: '46 days' }),
      100,
      0,
    ],
    [
      'of one that was not read in full since mirroring was off',
      async () => {
        await books.gap('flag_off', '6 days', '5 days');
        await books.database.query(
          `update mirror.readings set full_at = now() - interval '1 day' where shard <> 'couple3_x'`,
        );
        await books.shard({ shard: 'couple3_x', full: '6 days' });
      },
      100,
      0,
    ],
    [
      'of one that was not read in full since a restore',
      async () => {
        await books.gap('restored', '6 days', '6 days', PILOT);
        await books.shard({ shard: 'couple3_x', full: '7 days' });
      },
      100,
      0,
    ],
  ])('%s', async (_name, write, copy, mirror) => {
    await write();
    const found = await evidence();
    expect([found.copy.unknown, found.mirror.unknown]).toEqual([copy, mirror]);
  });

  test('a shard that was first seen within the hour is not judged until it is read', async () => {
    await books.shard({
      shard: 'new_x',
      keys: 0,
      brought: 0,
      read: null,
      full: null,
      counted: null,
      seen: '20 minutes',
    });
    const found = await evidence();
    expect([found.copy.unknown, found.mirror.unknown, found.unreadShards]).toEqual([0, 0, 1]);
    expect(found.verifiedTo).not.toBeNull();
  });

  test('a shard that can’t be read has its moved rows unknown', async () => {
    await books.shard({ shard: 'couple3_x', read: '5 hours', failed: '4 hours' });
    await books.row('couple3_x', 'a', '1 hour');
    await books.row('couple3_x', 'b', '2 hours');
    await books.row('couple3_x', 'c', '6 hours');
    const found = await evidence();
    expect(found.mirror.unknown).toBe(2);
    expect(found).toMatchObject({
      failedShards: 1,
      failedShard: 'couple3_x',
      failedError: 'RTDB answered 400',
    });
  });
});

describe('verified to', () => {
  const ageMinutes = async (shard: string | null = null) => {
    const { at, verifiedTo } = await evidence(shard);
    return verifiedTo === null
      ? null
      : Math.round((Date.parse(at) - Date.parse(verifiedTo)) / 60_000);
  };

  test('is the oldest reading, where a shard more than 999 in 1,000 has it', async () => {
    await books.healthy();
    expect(await ageMinutes()).toBe(10);
    await books.shard({ shard: 'couple3_x', read: '3 hours' });
    expect(await ageMinutes()).toBe(180);
    expect(await ageMinutes('couple4_x')).toBe(10);
  });

  test('spares one shard in 1,000, read or not', async () => {
    await books.healthy(1);
    await books.database.query(
      `insert into mirror.readings (path, shard, read_at, full_at, counted_since)
       select 'quest_completions', 'more' || n, now() - interval '20 minutes', now(), now() - interval '1 day'
       from generate_series(1, 1000) as n`,
    );
    await books.shard({ shard: 'more1', read: '5 hours' });
    expect(await ageMinutes()).toBe(20);
    await books.shard({ shard: 'more2', read: null, full: null });
    expect(await ageMinutes()).toBe(300);
    await books.shard({ shard: 'more3', read: null, full: null });
    expect(await ageMinutes()).toBeNull();
  });

  test('is not later than the last listing, and nothing without one', async () => {
    await books.healthy();
    await books.database.query(
      `update mirror.listings set listed_at = now() - interval '90 minutes'`,
    );
    expect(await ageMinutes()).toBe(90);
    await books.database.query('update mirror.listings set listed_at = null');
    expect(await ageMinutes()).toBeNull();
  });

  test('does not wait for a shard that can’t be read', async () => {
    await books.healthy();
    await books.shard({ shard: 'couple3_x', read: '3 hours', failed: '2 hours' });
    expect(await ageMinutes()).toBe(10);
  });
});

describe('lost keys', () => {
  beforeEach(() => books.healthy());
  const lost = async () => (await evidence()).mirror.differing;

  test.each<[string, Partial<Parameters<Books['difference']>[0]>, number]>([
    ['open', {}, 1],
    ['made good by a repair', { by: 'repair' }, 1],
    ['made good by a backfill', { by: 'backfill' }, 1],
    ['made good by a claim', { by: 'client' }, 1],
    ['made good by hand', { by: 'direct' }, 1],
    ['whose event came late', { by: 'event' }, 0],
    ['that a later event replaced', { by: 'superseded' }, 0],
    ['that is gone', { by: 'gone' }, 0],
    ['that stands for many', { keys: 7 }, 7],
    ['in an odd place', { kind: 'invalid_payload', cause: 'rejected' }, 1],
    ['that a claim alone has', { kind: 'client_only', cause: 'client_without_rtdb' }, 0],
    ['that may be older than what is counted', { after: '26 hours' }, 0],
    ['of which nothing tells the age', { after: null }, 0],
    ['that was found after the newest whole reading', { before: '5 minutes' }, 0],
  ])('a difference %s', async (_name, of, expected) => {
    await books.difference({ shard: 'couple3_x', ...of });
    expect(await lost()).toBe(expected);
  });

  test('one that may have been lost before the window, or in it, is unknown', async () => {
    await books.shard({ shard: 'couple3_x', counted: '44 hours' });
    await books.difference({ shard: 'couple3_x', after: '30 hours', before: '20 hours' });
    await books.difference({ shard: 'couple3_x', after: '40 hours', before: '25 hours' });
    const { mirror } = await evidence();
    expect([mirror.differing, mirror.unknown]).toEqual([0, 1]);
  });

  test('all writes of a shard that was first seen after the first pass count', async () => {
    await books.shard({ shard: 'new_x', counted: 'infinity' });
    await books.difference({ shard: 'new_x', after: null });
    expect(await lost()).toBe(1);
  });

  test('a key that was lost twice is one lost key', async () => {
    const key = books.key('couple3_x', 'twice');
    await books.difference({
      shard: 'couple3_x',
      key,
      by: 'repair',
      before: '3 hours',
      after: '4 hours',
      resolved: '2 hours',
    });
    await books.difference({ shard: 'couple3_x', key });
    expect(await lost()).toBe(1);
  });

  test('one that was repaired, and written again by an event since, is not lost', async () => {
    const key = books.key('couple3_x', 'again');
    await books.difference({
      shard: 'couple3_x',
      key,
      by: 'repair',
      before: '3 hours',
      after: '4 hours',
      resolved: '2 hours',
    });
    expect(await lost()).toBe(1);
    await books.row('couple3_x', 'again', '1 hour');
    expect(await lost()).toBe(0);
  });

  test('one that somebody wrote past the mirror between its bounds is not the mirror’s', async () => {
    await books.difference({ shard: 'couple3_x', key: books.key('couple3_x', 'd0') });
    await books.difference({ shard: 'couple4_x', keys: 7 });
    expect(await lost()).toBe(8);
    await books.directWrites('couple3_x', 1, '1 hour');
    await books.directWrites('couple4_x', 3, '1 hour');
    expect(await lost()).toBe(4);
  });

  test('after a TRUNCATE or a restore between its bounds, nobody knows', async () => {
    await books.difference({ shard: 'couple3_x' });
    await books.gap('restored', '2 hours', '2 hours');
    expect(await lost()).toBe(0);
    await books.database.query(`delete from mirror.coverage where reason = 'restored'`);
    await books.truncated('1 hour');
    expect(await lost()).toBe(0);
  });
});

test('a write past the mirror since the last look makes a key differ, until it is read', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x', key: books.key('couple3_x', 'd0') });
  await books.directWrites('couple3_x', 3, '5 minutes');
  await books.directWrites('couple4_x', 9, '15 minutes', 10);
  await books.directWrites('unknown_x', 1, '5 minutes', 20);
  expect(tally((await evidence()).copy)).toEqual([3001, 4, 0]);
  await books.shard({ shard: 'couple3_x', touched: '1 minute' });
  expect(tally((await evidence()).copy)).toEqual([3001, 2, 0]);
});

test('odd places add to the keys; what RTDB alone has is among them already', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x', kind: 'invalid_payload', keys: 40 });
  await books.difference({ shard: 'couple3_x', keys: 20 });
  const found = await evidence();
  expect(tally(found.copy)).toEqual([3040, 60, 0]);
  expect(found.causes).toEqual([
    { kind: 'invalid_payload', cause: 'unknown', open: 40, lost: 40 },
    { kind: 'missing_in_postgres', cause: 'unknown', open: 20, lost: 20 },
  ]);
  expect(found.affectedShards).toBe(1);
});

test('columns that a changed declaration has yet to compute are unknown, not differing', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x', kind: 'column_mismatch', keys: 40 });
  expect(tally((await evidence()).copy)).toEqual([3000, 40, 0]);
  await books.database.query('update mirror.paths set columns_due_at = now() where path = $1', [
    PILOT,
  ]);
  const found = await evidence();
  expect([tally(found.copy), tally(found.mirror)]).toEqual([
    [3000, 0, 40],
    [340, 0, 40],
  ]);
  await books.database.query('update mirror.paths set columns_due_at = null');
});

test('one couple alone', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x' });
  expect(tally((await evidence('couple3_x')).copy)).toEqual([100, 1, 0]);
  expect(tally((await evidence('couple4_x')).mirror)).toEqual([10, 0, 0]);
  expect(tally((await evidence('nobody_x')).copy)).toEqual([0, 0, 0]);
});

test('the functions’ and the dashboard’s logins may ask', async () => {
  await books.healthy();
  for (const role of ['quest_mirror_writer', 'quest_mirror_reader']) {
    const client = await books.database.pool.connect();
    try {
      await client.query(`set role ${role}`);
      let last: Promise<unknown> = Promise.resolve();
      const statements = {
        run: (text: string, values: unknown[]) => {
          const rows = last.then(async () => (await client.query(text, values)).rows);
          last = rows;
          return rows;
        },
      };
      const [found] = await readEvidence(statements, [PILOT], null, PROOF_TIMES);
      expect(found?.copy.total).toBe(3000);
    } finally {
      await client.query('reset role');
      client.release();
    }
  }
});
