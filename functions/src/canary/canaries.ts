import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE, CANARY_DAY } from '../paths/quest-completions/canary-couple';
import { stepsOfRef } from '../paths/ref-pattern';
import { jsonColumn, query } from '../postgres/statements';

/** Where a path's canary sits. */
export interface CanaryLeaf {
  /** In RTDB: literal keys, not encoded. */
  path: readonly string[];
  /** Its row's key, in order. */
  parts: readonly string[];
}

/** Always the same leaf of a path, so that canaries don't pile up. Pure. */
export function canaryLeaf({ ref, dayColumn }: MirroredPath): CanaryLeaf {
  const parts: string[] = [];
  const path = stepsOfRef(ref).map((step) => {
    if ('literal' in step) return step.literal;
    const part = partOf(step.column, dayColumn, parts.includes(CANARY_COUPLE));
    parts.push(part);
    return part;
  });
  return { path, parts };
}

/** The couple comes first, but for a day. */
function partOf(column: string, dayColumn: string | null, hasCouple: boolean): string {
  if (column === dayColumn) return CANARY_DAY;
  return hasCouple ? 'canary' : CANARY_COUPLE;
}

/** What CANARY_ROW takes. */
export function canaryRowOf(mirrored: MirroredPath): { path: string; key: readonly string[] } {
  return { path: mirrored.name, key: canaryLeaf(mirrored).parts };
}

/** The row of a path's canary, and for how long it has been there; none until one arrived. */
export const CANARY_ROW = query({
  text: 'select payload, age_ms from mirror.canary_row($1, $2::text[])',
  params: { path: 'text', key: 'text[]' },
  row: { payload: jsonColumn, ageMs: z.number().transform(Math.round) },
});

/** When the last canary of a path was written, in milliseconds since 1970. */
export const LAST_CANARY = query({
  text: `
select (extract(epoch from written_at) * 1000)::double precision as written_ms
from mirror.canaries
where path = $1
order by written_at desc
limit 1
`,
  params: { path: 'text' },
  row: { writtenMs: z.number() },
});

/** A canary is about to be written. */
export const NOTE_CANARY = query({
  text: `
insert into mirror.canaries (path, written_at)
values ($1, $2::timestamptz)
on conflict do nothing
`,
  params: { path: 'text', writtenAt: 'timestamptz' },
  row: {},
});

/** A canary arrived. The first arrival counts. */
export const NOTE_ARRIVAL = query({
  text: `
update mirror.canaries
set arrived_at = $3::timestamptz, lag_ms = $4
where path = $1 and written_at = $2::timestamptz and arrived_at is null
`,
  params: {
    path: 'text',
    writtenAt: 'timestamptz',
    arrivedAt: 'timestamptz',
    lagMs: 'double precision',
  },
  row: {},
});

/** A canary is lost. An interval that still lasts stays one. */
export const OPEN_CANARY_GAP = query({
  text: `
insert into mirror.coverage (from_at, path, reason, detail)
select $2::timestamptz, $1, 'canary_lost', $3::jsonb
where not exists (
  select from mirror.coverage where reason = 'canary_lost' and path = $1 and to_at is null
)
`,
  params: { path: 'text', from: 'timestamptz', evidence: 'jsonb' },
  row: {},
});

/** A canary arrived again. */
export const CLOSE_CANARY_GAP = query({
  text: `
update mirror.coverage
set to_at = greatest(from_at, clock_timestamp())
where reason = 'canary_lost' and path = $1 and to_at is null
`,
  params: { path: 'text' },
  row: {},
});

/** A canary was late. */
export const RECORD_CANARY_GAP = query({
  text: `
insert into mirror.coverage (from_at, to_at, path, reason, detail)
values ($2::timestamptz, greatest($2::timestamptz, $3::timestamptz), $1, 'canary_lost', $4::jsonb)
`,
  params: { path: 'text', from: 'timestamptz', to: 'timestamptz', evidence: 'jsonb' },
  row: {},
});
