import { z } from 'zod';
import { type GivenOf, query } from '../postgres/statements';

/** Why mirroring was not fully on (docs/tables.md). */
export const COVERAGE_REASON = z.enum(['flag_off', 'percent', 'outage', 'canary_lost', 'restored']);

/** What a look at the flag, or at one path's, shows. */
export type FlagNote = GivenOf<typeof NOTE_FLAG> & {
  readonly seen: 'on' | 'off' | 'percent';
};

/** An interval of all paths that is over already. */
export const RECORD_COVERAGE_GAP = query({
  text: `
insert into mirror.coverage (from_at, to_at, reason, detail)
values ($2::timestamptz, greatest($2::timestamptz, $3::timestamptz), $1, $4::jsonb)
`,
  params: { reason: 'text', from: 'timestamptz', to: 'timestamptz', evidence: 'jsonb' },
  row: {},
});

/** What an instance sees of the flag: `migrations/20261128000001_mirror.sql`. */
export const NOTE_FLAG = query({
  text: 'select mirror.note_flag($1, $2, $3::timestamptz, $4::timestamptz, $5::bigint, $6::jsonb)',
  params: {
    /** Null = the flag itself, for all paths. */
    path: 'text?',
    seen: 'text',
    /** Since when it may have been so. */
    since: 'timestamptz',
    /** Since when this instance saw it off until now; null = it did not. */
    offSince: 'timestamptz?',
    /** Of Remote Config's template; 0 = of none. */
    version: 'bigint',
    evidence: 'jsonb',
  },
  row: {},
});

/** Whether the flag was off at an instant, or a path's. */
export const WAS_FLAG_OFF = query({
  text: `
select exists (
  select
  from mirror.coverage
  where reason = 'flag_off'
    and (path is null or path = $2)
    and from_at <= $1::timestamptz
    and coalesce(to_at, 'infinity') >= $1::timestamptz
) as was_off
`,
  params: { at: 'timestamptz', path: 'text' },
  row: { wasOff: z.boolean() },
});

/**
 * A canary's event came, however late, and whatever was written over it meanwhile: the one that was written within a
 * minute of the event's time, unless that came before.
 */
export const NOTE_CANARY_EVENT = query({
  text: `
update mirror.canaries as c
set arrived_at = c.written_at + make_interval(secs => $3::double precision / 1000), lag_ms = $3
where c.path = $1
  and c.arrived_at is null
  and c.written_at = (
    select near.written_at
    from mirror.canaries as near
    where near.path = $1
      and near.written_at between $2::timestamptz - interval '1 minute' and $2::timestamptz + interval '1 minute'
    order by abs(extract(epoch from near.written_at - $2::timestamptz))
    limit 1
  )
`,
  params: { path: 'text', eventTime: 'timestamptz', lagMs: 'double precision' },
  row: {},
});
