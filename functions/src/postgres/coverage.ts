import { z } from 'zod';
import type { JsonObject } from '../values/json';
import { jsonColumn } from './statements';

/** Why mirroring was not fully on (docs/tables.md). */
export const COVERAGE_REASON = z.enum(['flag_off', 'percent', 'outage', 'canary_lost', 'restored']);
export type CoverageReason = z.infer<typeof COVERAGE_REASON>;

/** An interval in which mirroring was not fully on; `toAt` null while it lasts. */
export interface CoverageInterval {
  fromAt: string;
  toAt: string | null;
  reason: CoverageReason;
}

/** $1 reason, $2 since when, $3 evidence. An interval of that reason which still lasts stays one. */
export const OPEN_COVERAGE_GAP = `
insert into mirror.coverage (from_at, reason, detail)
select $2::timestamptz, $1, $3::jsonb
where not exists (
  select from mirror.coverage where reason = $1 and to_at is null
)
`;

/** $1 reason: it is over. */
export const CLOSE_COVERAGE_GAP = `
update mirror.coverage
set to_at = greatest(from_at, clock_timestamp())
where reason = $1 and to_at is null
`;

/** $1 reason, $2 from, $3 to, $4 evidence: an interval that is over already. */
export const RECORD_COVERAGE_GAP = `
insert into mirror.coverage (from_at, to_at, reason, detail)
values ($2::timestamptz, greatest($2::timestamptz, $3::timestamptz), $1, $4::jsonb)
`;

/** What an instance sees of the flag: `migrations/20261128000001_mirror.sql`. */
export const NOTE_FLAG =
  'select mirror.note_flag(null, $1, $2::timestamptz, $3::timestamptz, $4::bigint, $5::jsonb)';

export interface FlagNote {
  seen: 'on' | 'off' | 'percent';
  /** Since when it may have been so. */
  since: Date;
  /** Since when this instance saw it off until now; null = it did not. */
  offSince: Date | null;
  /** Of Remote Config's template; 0 = of none. */
  version: number;
  evidence: JsonObject;
}

/** The parameters of NOTE_FLAG. */
export function flagNoteValues({ seen, since, offSince, version, evidence }: FlagNote): unknown[] {
  const off = offSince?.toISOString() ?? null;
  return [seen, since.toISOString(), off, version, JSON.stringify(evidence)];
}

/** $1 an instant: whether the flag was off then. */
export const WAS_FLAG_OFF = `
select exists (
  select
  from mirror.coverage
  where reason = 'flag_off'
    and from_at <= $1::timestamptz
    and coalesce(to_at, 'infinity') >= $1::timestamptz
) as was_off
`;

export function parseWasFlagOff(rows: unknown[]): boolean {
  return z.object({ was_off: z.boolean() }).parse(rows[0]).was_off;
}

/** The parameters of OPEN_COVERAGE_GAP. */
export function openGapValues(reason: CoverageReason, from: string, detail: JsonObject): unknown[] {
  return [reason, from, JSON.stringify(detail)];
}

/** $1 to $4: the key of the canary's leaf. */
export const CANARY_ROW = `
select
  payload,
  (extract(epoch from clock_timestamp() - mirrored_at) * 1000)::double precision as age_ms
from rtdb.quest_completions
where (couple_id, date_key, quest_id, user_id) = ($1, $2::date, $3, $4)
  and event_time > '-infinity'
`;

const ROW = z.object({ payload: jsonColumn, age_ms: z.number() });

/** The canary as Postgres has it, and for how long; null where none has arrived. */
export function parseCanaryRow(rows: unknown[]): { payload: unknown; ageMs: number } | null {
  if (rows.length === 0) return null;
  const { payload, age_ms } = ROW.parse(rows[0]);
  return { payload, ageMs: Math.round(age_ms) };
}
