import type { RtdbRest } from '../../../local/rtdb-rest';
import { Books, PILOT } from '../../gate/support/books';
import { leafOf } from '../../support/dashboard-log';
import type { TestDatabase } from '../../support/database';

/** Losses of one couple that each can be opened, and whether RTDB holds them. */
const LOSSES = 6;

/** Hours back from now, with what the gate said and what arrived; of thirty days, with a dip two days ago. */
const SEED_HOURS = `
with hours as (
  select n, date_trunc('hour', now(), 'UTC') - make_interval(hours => n) as hour
  from generate_series(1, 719) as n
),
rates as (
  insert into mirror.rates (
    path, hour, at, verdict, copy_keys, copy_differing, copy_unknown, copy_lower, copy_upper,
    mirror_keys, mirror_differing, mirror_unknown, mirror_lower, mirror_upper, shards, unread_shards,
    affected_shards
  )
  select
    p.path, hour, hour + interval '2 minutes',
    case when n between 14 and 17 and p.path = 'quest_completions' then 'not_ready' else 'ready' end,
    12000, 3, 10, 0.9985 - 0.0006 * (n % 5), 0.9998,
    900, 2, 5,
    case when n between 14 and 17 and p.path = 'quest_completions' then 0.981 else 0.9955 - 0.0004 * (n % 7) end,
    case when n between 14 and 17 and p.path = 'quest_completions' then 0.986 else 0.9995 end,
    60, 0, 2
  from hours cross join mirror.paths as p
  where n <> 9
)
insert into mirror.hourly_arrivals (
  path, hour, live, tombstones, client, backfill, repair, lag_p50_ms, lag_p95_ms, lag_p99_ms, lag_max_ms,
  counted_at
)
select
  p.path, hour, 300 + (n * 37 % 120), 12 + n % 5, case when p.path = 'quest_completions' then 9 else 0 end,
  0, case when n = 13 then 40 else 0 end, 38 + n % 9, 120 + n % 40, 260 + n % 130, 900,
  hour + interval '62 minutes'
from hours cross join mirror.paths as p
`;

/** What differs, by kind and cause: some of it heals by itself, and a row may stand for many keys. */
const SEED_LOG = `
insert into mirror.divergence_log (
  path, ref, shard, day, key, kind, cause, severity, detected_by, keys, first_seen_at, last_seen_at,
  written_after, written_before
)
select
  'lp_awards', 'lp_awards/couple' || n % 7 || '_x/award_' || n, 'couple' || n % 7 || '_x', null::date,
  jsonb_build_object('couple_id', 'couple' || n % 7 || '_x', 'award_id', 'award_' || n),
  (array['value_mismatch', 'out_of_order', 'write_rejected', 'missed_event'])[n % 4 + 1],
  (array['direct_postgres_write', 'race', 'in_flight', 'unknown'])[n % 4 + 1],
  (array['error', 'info', 'info', 'warning'])[n % 4 + 1],
  'trigger', 1, now() - make_interval(mins => 40 * n), now() - make_interval(mins => 40 * n), null::timestamptz, null::timestamptz
from generate_series(1, 60) as n
union all
select
  'quiz_sessions', 'quiz_sessions/couple3_x', 'couple3_x', null, null, 'missing_in_postgres',
  'before_mirroring', 'info', 'reconciler', 120, now() - interval '2 days', now() - interval '1 hour',
  null, now() - interval '3 days'
`;

/**
 * A mirror of 40 days that is nearly ready: events of one couple were lost, another couple can't be read, and the log
 * is full of what heals by itself. Answers the id of a divergence whose leaf RTDB holds.
 */
export async function seedDashboard(database: TestDatabase, rest: RtdbRest): Promise<number> {
  const books = new Books(database);
  await books.healthy(60);
  // Whichever RTDB is read is the one that is mirrored.
  await database.query('truncate mirror.identity');
  const [{ paths = [] } = {}] = await database.query<{ paths: string[] }>(
    "select array_agg(path order by path) as paths from mirror.paths where path <> 'quest_completions'",
  );
  const ages = ['4 minutes', '50 minutes', '2 hours', '3 hours'];
  for (const [place, path] of paths.entries()) {
    for (let n = 0; n < 24; n += 1) {
      const read = ages[(n + place) % (place % 2 === 0 ? 2 : 4)] ?? null;
      await books.shard({ path, shard: `couple${n}_x`, keys: 20 + n, brought: 3, read });
    }
  }
  await books.shard({ path: 'steps', shard: 'couple9_x', failed: '5 minutes', keys: 12 });
  await books.gap('outage', '17 hours', '14 hours');
  await books.gap('percent', '6 days 4 hours', '6 days');
  await database.query(SEED_HOURS);
  await database.query(SEED_LOG);
  for (const path of [...paths, PILOT]) {
    await database.query("select mirror.count_figures($1, array['x'], 0)", [path]);
  }
  return logLosses(database, rest);
}

async function logLosses(database: TestDatabase, rest: RtdbRest): Promise<number> {
  const today = new Date().toISOString().slice(0, 10);
  let id = 0;
  for (let n = 0; n < LOSSES; n += 1) {
    const { ref, coupleId, questId, userId } = leafOf('couple7_x', `quest_${n}`, 'couple7', today);
    const key = { couple_id: coupleId, date_key: today, quest_id: questId, user_id: userId };
    const [row] = await database.query<{ id: number }>(
      `insert into mirror.divergence_log (
         path, ref, shard, day, key, kind, cause, severity, detected_by, rtdb_value, detail,
         written_after, written_before, first_seen_at, last_seen_at
       )
       values (
         'quest_completions', $1, $2::text, $3::date, $4::jsonb, 'missing_in_postgres', 'retries_exhausted', 'error',
         'reconciler', 'true', '{"gap": "outage"}', now() - interval '5 hours', now() - interval '12 minutes',
         now() - make_interval(mins => $5), now() - interval '10 minutes'
       )
       returning id::integer as id`,
      [ref, coupleId, today, JSON.stringify(key), 12 + n],
    );
    id = row?.id ?? id;
    await rest.set(ref.split('/'), true);
  }
  return id;
}
