import { cloneDatabase, type TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';

/** Each table's rows and each sequence's next number. */
const ALL = `
select format('%I.%I', schemaname, tablename) as name,
  regexp_replace(
    query_to_xml(format('select * from %I.%I', schemaname, tablename), true, false, '')::text,
    -- When the clone was made, and when it was emptied.
    '<began_at>' || to_char(now(), 'YYYY') || '[^<]*</began_at>', '', 'g'
  ) as holds
from pg_tables where schemaname in ('rtdb', 'mirror')
union all
select sequencename, last_value::text from pg_sequences
order by name`;

const FILL = `
insert into rtdb.quest_completions
  (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_id, event_time)
values ('a_b', date '2025-11-19', 'q', 'a', now(), 'true', 'rtdb', 'e', now());
insert into mirror.coverage (from_at, reason) values (now(), 'outage');
insert into mirror.readings (path, shard) values ('quest_completions', 'a_b');
update mirror.paths set began_at = '2025-01-01', first_pass_at = now(), removed_at = now();
insert into mirror.identity (instance, host) values ('i', 'h')`;

const namesOf = async (database: TestDatabase) =>
  (await database.query<{ name: string }>('select current_database() as name'))[0]?.name;

test('what a test left is gone, to the last number; a changed schema means another database', async () => {
  const clone = await cloneDatabase();
  const fresh = await clone.query<{ holds: string | null }>(ALL);
  await clone.drop();

  const first = await pristineDatabase();
  const name = await namesOf(first);
  expect(await first.query(ALL)).toEqual(fresh);
  await first.query(FILL);
  const second = await pristineDatabase();
  expect(await namesOf(second)).toBe(name);
  const emptied = await second.query<{ holds: string | null }>(ALL);
  // A sequence that was set back says 1 of a number that is still to come.
  expect(emptied.map((row) => ({ ...row, holds: row.holds === '1' ? null : row.holds }))).toEqual(
    fresh,
  );
  const [gap] = await second.query(
    `insert into mirror.coverage (from_at, reason) values (now(), 'outage') returning id::integer`,
  );
  expect(gap).toEqual({ id: 1 });

  await second.query(
    'alter table rtdb.quest_completions add constraint none check (false) not valid',
  );
  const third = await pristineDatabase();
  expect(await namesOf(third)).not.toBe(name);
  expect(await third.query(ALL)).toEqual(fresh);
});
