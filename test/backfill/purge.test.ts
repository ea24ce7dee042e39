import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.query(
    `begin; set local mirror.writer = 'on';
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time, deleted_at)
     select 'a_b', '2025-11-19', 'quest_' || days, 'a', now(), null, 'rtdb',
       now() - make_interval(days => days), now() - make_interval(days => days)
     from unnest(array[1, 3, 6, 8, 40]) as days;
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     values ('a_b', '2025-01-01', 'quest_old', 'a', now(), 'true', 'rtdb', '2025-01-01');
     commit`,
  );
  await database.query(
    `insert into mirror.client_claims (user_id, day, claims)
     select 'a', (now() at time zone 'UTC')::date - days, 1 from unnest(array[0, 1, 2, 9]) as days`,
  );
  await database.query(
    `insert into mirror.direct_writes (path, key, operation, written_by, written_at) values
       ('quest_completions', '{"quest_id": "new"}', 'update', 'someone', now()),
       ('quest_completions', '{}', 'truncate', 'someone', now() - interval '31 days')`,
  );
  await database.query(
    `insert into mirror.canaries (path, written_at)
     select 'quest_completions', now() - make_interval(days => days) from unnest(array[29, 31]) as days`,
  );
  await database.query(
    `insert into mirror.rates (
       path, hour, at, verdict, copy_keys, copy_differing, copy_unknown, copy_lower, copy_upper, mirror_keys,
       mirror_differing, mirror_unknown, mirror_lower, mirror_upper, shards, unread_shards, affected_shards
     )
     select 'quest_completions', date_trunc('hour', at, 'UTC'), at, 'ready', 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0
     from (select now() - make_interval(days => days) from unnest(array[399, 401]) as days) as v (at)`,
  );
  await database.query(
    `insert into mirror.hourly_arrivals (
       path, hour, live, tombstones, client, backfill, repair, counted_at
     )
     select 'quest_completions', date_trunc('hour', now(), 'UTC') - make_interval(days => days), 1, 0, 0, 0, 0, now()
     from unnest(array[30, 32]) as days`,
  );
  await database.query(
    `insert into mirror.divergence_log (
       path, ref, kind, cause, severity, detected_by, first_seen_at, resolved_at, resolved_by
     )
     select 'quest_completions', seen || ' ' || coalesce(resolved, 0), 'missing_in_postgres', 'unknown', 'error',
       'reconciler', now() - make_interval(days => seen), now() - make_interval(days => resolved), 'event'
     from (values (300, null::integer), (300, 91), (300, 89), (89, 88)) as v (seen, resolved)`,
  );
  await database.query(
    `insert into mirror.erased (id_sha256, id_length, until)
     values (sha256('ann'), 3, now() - interval '1 minute'), (sha256('ben'), 3, now() + interval '1 minute'),
       (sha256('cleo'), 4, 'infinity')`,
  );
});

afterAll(() => database.drop());

const purge = (...args: string[]) => runCommand(['purge', ...args], { DATABASE_URL: database.url });
const tombstones = () =>
  database.query('select from rtdb.quest_completions where deleted_at is not null');

test('a dry run counts, and removes nothing', async () => {
  const { out } = await purge('--dry-run', '--json');
  const { tombstones: counted, ...others } = JSON.parse(out);
  expect(others).toEqual({
    ...{ directWrites: 1, canaries: 1, claimCounts: 2, rates: 1 },
    ...{ arrivals: 1, divergences: 1, erased: 1 },
  });
  expect(counted).toMatchObject({ quest_completions: 2 });
  expect(await tombstones()).toHaveLength(5);
});

test.each(['1d', '0', 'week'])(
  '--older-than %s is refused: late writes can still come',
  async (age) => {
    const { code, errors } = await purge('--older-than', age);
    expect(code).toBe(2);
    expect(errors).toContain('at least 2d');
    expect(await tombstones()).toHaveLength(5);
  },
);

test('tombstones of over a week are removed, live rows of any age stay', async () => {
  const { out } = await purge();
  expect(out).toContain(
    'Removed 2 tombstones older than 7 days (quest_completions 2), ' +
      '1 old direct writes, 1 old canaries, 2 old counts of claims, 1 old rates, ' +
      '1 old counts of arrivals, 1 divergences resolved long ago, 1 hashes of erased ids.',
  );
  expect(await tombstones()).toHaveLength(3);
  expect(await database.query('select from rtdb.quest_completions')).toHaveLength(4);
  // Through the mirror's own door.
  const direct = await database.query('select key from mirror.direct_writes');
  expect(direct).toEqual([{ key: { quest_id: 'new' } }]);
  expect(await database.query('select from mirror.canaries')).toHaveLength(1);
  expect(await database.query('select from mirror.erased')).toHaveLength(2);
  expect(await database.query('select ref from mirror.divergence_log order by ref')).toEqual([
    { ref: '300 0' },
    { ref: '300 89' },
    { ref: '89 88' },
  ]);
});

test('counts of claims end after their day', async () => {
  expect(await database.query('select from mirror.client_claims')).toHaveLength(2);
});

test('a shorter age can be asked for', async () => {
  expect(JSON.parse((await purge('--older-than', '2d', '--json')).out)).toMatchObject({
    tombstones: { quest_completions: 2 },
  });
});

test('whatever the age, tombstones of days that a phone may still claim stay', async () => {
  await database.query(
    `begin; set local mirror.writer = 'on';
     insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time, deleted_at)
     select 'c_d', (now() at time zone 'UTC')::date + days, 'q', 'c', now(), null, 'rtdb',
       now() - interval '90 days', now() - interval '90 days'
     from unnest(array[-40, -10, -8, -7, -3, 0, 1, 3, 400]) as days;
     commit`,
  );
  await purge('--older-than', '2d');
  const kept = await database.query(
    `select date_key - (now() at time zone 'UTC')::date as days
     from rtdb.quest_completions where couple_id = 'c_d' order by days`,
  );
  expect(kept).toEqual([-8, -7, -3, 0, 1].map((days) => ({ days })));
});
