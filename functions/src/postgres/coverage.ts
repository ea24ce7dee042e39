import { z } from 'zod';
import type { JsonObject } from '../values/json';

/** Why mirroring was not fully on (docs/tables.md). */
export const COVERAGE_REASON = z.enum(['flag_off', 'percent', 'outage', 'canary_lost', 'restored']);
export type CoverageReason = z.infer<typeof COVERAGE_REASON>;

/** An interval in which mirroring was not fully on; `toAt` null while it lasts. */
export interface CoverageInterval {
  fromAt: string;
  toAt: string | null;
  reason: CoverageReason;
}

/** $1 reason, $2 from, $3 to, $4 evidence: an interval of all paths that is over already. */
export const RECORD_COVERAGE_GAP = `
insert into mirror.coverage (from_at, to_at, reason, detail)
values ($2::timestamptz, greatest($2::timestamptz, $3::timestamptz), $1, $4::jsonb)
`;

/** What an instance sees of the flag: `migrations/20261128000001_mirror.sql`. */
export const NOTE_FLAG =
  'select mirror.note_flag($1, $2, $3::timestamptz, $4::timestamptz, $5::bigint, $6::jsonb)';

export interface FlagNote {
  /** Null = the flag itself, for all paths. */
  path: string | null;
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
export function flagNoteValues(note: FlagNote): unknown[] {
  const { path, seen, since, offSince, version, evidence } = note;
  const off = offSince?.toISOString() ?? null;
  return [path, seen, since.toISOString(), off, version, JSON.stringify(evidence)];
}

/** $1 an instant, $2 a path: whether the flag was off then, or this path. */
export const WAS_FLAG_OFF = `
select exists (
  select
  from mirror.coverage
  where reason = 'flag_off'
    and (path is null or path = $2)
    and from_at <= $1::timestamptz
    and coalesce(to_at, 'infinity') >= $1::timestamptz
) as was_off
`;

export function parseWasFlagOff(rows: unknown[]): boolean {
  return z.object({ was_off: z.boolean() }).parse(rows[0]).was_off;
}
