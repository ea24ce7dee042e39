import { z } from 'zod';
import type { Json } from '../values/json';
import { jsonColumn } from './statements';

/** $1 path, $2 the key of its canary, in order: the row, where an event wrote it. */
export const CANARY_ROW = 'select payload, age_ms from mirror.canary_row($1, $2::text[])';

const ROW = z.object({ payload: jsonColumn, age_ms: z.number() });

/** The canary as Postgres has it, and for how long; null where none has arrived. */
export function parseCanaryRow(rows: unknown[]): { payload: Json; ageMs: number } | null {
  if (rows.length === 0) return null;
  const { payload, age_ms } = ROW.parse(rows[0]);
  return { payload, ageMs: Math.round(age_ms) };
}

/** $1 path: the canary that was written last. */
export const LAST_CANARY = `
select (extract(epoch from written_at) * 1000)::double precision as written_ms
from mirror.canaries
where path = $1
order by written_at desc
limit 1
`;

const LAST = z.object({ written_ms: z.number() });

/** When the last canary was written, in milliseconds since 1970; null = none was. */
export function parseLastCanary(rows: unknown[]): number | null {
  return rows.length === 0 ? null : Math.round(LAST.parse(rows[0]).written_ms);
}

/** $1 path, $2 when: a canary is about to be written. */
export const NOTE_CANARY = `
insert into mirror.canaries (path, written_at)
values ($1, $2::timestamptz)
on conflict do nothing
`;

/** $1 path, $2 when it was written, $3 when it arrived, $4 how long it took. The first arrival counts. */
export const NOTE_ARRIVAL = `
update mirror.canaries
set arrived_at = $3::timestamptz, lag_ms = $4
where path = $1 and written_at = $2::timestamptz and arrived_at is null
`;

/** $1 path, $2 since when, $3 evidence: a canary is lost. An interval that still lasts stays one. */
export const OPEN_CANARY_GAP = `
insert into mirror.coverage (from_at, path, reason, detail)
select $2::timestamptz, $1, 'canary_lost', $3::jsonb
where not exists (
  select from mirror.coverage where reason = 'canary_lost' and path = $1 and to_at is null
)
`;

/** $1 path: a canary arrived. */
export const CLOSE_CANARY_GAP = `
update mirror.coverage
set to_at = greatest(from_at, clock_timestamp())
where reason = 'canary_lost' and path = $1 and to_at is null
`;

/** $1 path, $2 from, $3 to, $4 evidence: a canary was late. */
export const RECORD_CANARY_GAP = `
insert into mirror.coverage (from_at, to_at, path, reason, detail)
values ($2::timestamptz, greatest($2::timestamptz, $3::timestamptz), $1, 'canary_lost', $4::jsonb)
`;
