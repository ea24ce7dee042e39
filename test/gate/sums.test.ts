import { seededRandom } from '../../simulate/seeded-random';
import { pristineDatabase } from '../support/pristine-database';

/** What the triggers keep, and the same of the readings themselves; parts are no matter of the sums. */
const DRIFT = `
  select path, full_hour, sum(shards) as shards, sum(uncounted) as uncounted, sum(keys) as keys,
    sum(keys_or_one) as keys_or_one, sum(brought) as brought
  from (
    select path, full_hour, shards, uncounted, keys, keys_or_one, brought from mirror.reading_sums
    union all
    select path, mirror.sum_hour(read_at, full_at), -1, -(read_at is not null and counted_since is null)::integer,
      -keys, -greatest(keys, 1), -brought
    from mirror.readings
  ) as both_ways
  group by path, full_hour
  having (sum(shards), sum(uncounted), sum(keys), sum(keys_or_one), sum(brought)) <> (0, 0, 0, 0, 0)`;

test.each([1, 2, 3, 4, 5, 6])(
  'sums of readings stay those of the rows, whatever statement changes them, world %i',
  async (seed) => {
    const { query } = await pristineDatabase();
    const random = seededRandom(seed);
    const upTo = (most: number) => Math.floor(random() * (most + 1));
    await query(`select setseed(${seed / 10})`);
    const set = () => {
      const hours = upTo(2);
      return [
        `keys = ${upTo(3)}, brought = ${upTo(2)}`,
        'keys = (readings.keys + length(readings.shard)) % 4',
        `keys = case when readings.shard ~ '[0-4]$' then 1 else ${upTo(2)} end`,
        `read_at = now(), full_at = now() - interval '${hours} hours'`,
        `counted_since = now() - interval '25 hours'`,
        'counted_since = null, full_at = null',
        'read_at = null, full_at = null, keys = 0, brought = 0',
      ][upTo(5)];
    };
    const some = () => `shard ~ '${['[13579]$', '[01]$', '.', '7$', '^s1'][upTo(4)]}'`;
    for (let step = 0; step < 40; step += 1) {
      const statement = [
        `insert into mirror.readings (path, shard, keys)
         select 'steps', 's' || n, n % 3 from generate_series(${upTo(10)}, ${upTo(40)}) as n
         on conflict (path, shard) do update set ${set()}`,
        `update mirror.readings set ${set()} where ${some()}`,
        `update mirror.readings set ${set()} where ${some()}`,
        `delete from mirror.readings where ${some()} and ${some()}`,
        `with gone as (delete from mirror.readings where shard = 's3' returning path)
         update mirror.readings set ${set()} where shard <> 's3' and ${some()}`,
        `merge into mirror.readings using (values ('steps', 's5')) as m (path, shard)
           on (readings.path, readings.shard) = (m.path, m.shard)
         when matched then delete
         when not matched then insert (path, shard, keys) values (m.path, m.shard, 2)`,
        step % 20 === 0 ? 'truncate mirror.readings' : 'select',
      ][upTo(6)];
      await query(statement ?? 'select');
      expect({ statement, drift: await query(DRIFT) }).toEqual({ statement, drift: [] });
    }
  },
);
