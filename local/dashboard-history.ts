import type { Statements } from '../functions/src/postgres/statements';
import { seededRandom } from './simulate/seeded-random';

/**
 * A simulated day passes within an hour. What stands before it in the pictures of the dashboard is
 * made up here, from a seed: hourly runs, what arrived, and an outage of the night.
 */
const HOURS = 23;

/** $1 hours back, $2 keys, $3 of which are missing in Postgres. */
const ADD_RUN = `
insert into mirror.reconcile_runs (
  started_at, finished_at, status, from_date, to_date, couples, matched, missing_in_postgres,
  consistency, rtdb_ms, postgres_ms, config
)
select
  at - interval '40 seconds', at, 'finished',
  (at at time zone 'UTC')::date - 1, (at at time zone 'UTC')::date,
  1200, $2::integer - $3::integer, $3::integer,
  ($2::integer - $3::integer)::numeric / $2::integer, 31000, 2400, '{}'
from (select now() - make_interval(hours => $1::integer) as at) as made
`;

/** $1 hours back, $2 live rows, $3 tombstones, $4 claims, $5 to $7 lags in milliseconds. */
const ADD_HOUR = `
insert into mirror.hourly_arrivals (
  hour, live, tombstones, client, backfill, repair, lag_p50_ms, lag_p95_ms, lag_p99_ms, lag_max_ms
)
values (
  date_trunc('hour', now(), 'UTC') - make_interval(hours => $1::integer),
  $2, $3, $4, 0, 0, $5, $6, $7::double precision, $7::double precision * 3
)
on conflict (hour) do update set
  live = excluded.live,
  tombstones = excluded.tombstones,
  client = excluded.client,
  lag_p50_ms = excluded.lag_p50_ms,
  lag_p95_ms = excluded.lag_p95_ms,
  lag_p99_ms = excluded.lag_p99_ms,
  lag_max_ms = excluded.lag_max_ms
`;

/** $1 hours back until $2. */
const ADD_OUTAGE = `
insert into mirror.coverage (from_at, to_at, reason)
values (
  now() - make_interval(hours => $1::integer), now() - make_interval(hours => $2::integer), 'outage'
)
`;

export async function addHistory(statements: Statements, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const outage = { from: 15, to: 13 };
  for (let hours = HOURS; hours >= 1; hours -= 1) {
    const isAway = hours <= outage.from && hours > outage.to;
    const share = 0.35 + 0.65 * Math.sin((Math.PI * (HOURS - hours)) / HOURS) ** 2;
    const live = Math.round(share * (380 + 60 * random()) * (isAway ? 0.2 : 1));
    const lag = 26 + 8 * random() + (isAway ? 900 : 0);
    const lags = [lag, lag * (2.6 + random()), lag * (5 + 3 * random())];
    const others = [Math.round(live / 14), Math.round(live / 20)];
    await statements.run(ADD_HOUR, [hours, live, ...others, ...lags]);
    const missing = isAway ? 160 : Math.round(4 + 6 * random());
    await statements.run(ADD_RUN, [hours, 11_200, missing]);
  }
  await statements.run(ADD_OUTAGE, [outage.from, outage.to]);
}
