import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { jsonColumn, query, type Statements } from '../postgres/statements';
import { escapeText } from '../values/storable';
import type { DayEvidence, KeyEvidence } from './circumstances';
import type { ComparedKey } from './compare-key';
import { storableKey } from './found-row';
import { instant } from './gaps';

const DIRECT = z
  .object({
    operation: z.string(),
    written_by: z.string(),
    at: instant,
    is_change: z.boolean(),
    new_payload: jsonColumn,
  })
  .transform(
    ({ written_by: writtenBy, is_change: isChange, new_payload: newPayload, ...rest }) => ({
      ...{ ...rest, writtenBy, isChange, newPayload },
    }),
  );

const LOGGED = z
  .object({
    id: z.number(),
    kind: z.string(),
    is_tie: z.boolean(),
    rtdb_value: jsonColumn,
    event_time: instant.nullable(),
    row_event_id: z.string().nullable(),
    last_seen_at: instant,
  })
  .transform(({ id, kind, ...row }) => ({
    ...{ id, kind, isTie: row.is_tie, rtdbValue: row.rtdb_value, eventTime: row.event_time },
    ...{ rowEventId: row.row_event_id, lastSeenAt: row.last_seen_at },
  }));

/** What Postgres knows of some keys: the last write past the mirror, and the newest twenty open rows of the trigger. */
const KEY_EVIDENCE = query({
  text: `
select asked.n, direct.write as direct, coalesce(known.rows, '[]') as logged
from jsonb_to_recordset($2) as asked (n integer, ref text, key jsonb)
left join lateral (
  select jsonb_build_object(
    'operation', d.operation, 'written_by', d.written_by, 'at', d.written_at,
    'is_change', d.old_payload is distinct from d.new_payload, 'new_payload', d.new_payload
  ) as write
  from mirror.direct_writes as d
  where md5(d.key::text) = md5(asked.key::text) and d.path = $1 and d.key = asked.key
) as direct on true
cross join lateral (
  select jsonb_agg(jsonb_build_object(
    'id', newest.id,
    'kind', newest.kind,
    'is_tie', coalesce(newest.detail -> 'tied' = 'true', false),
    'rtdb_value', newest.rtdb_value,
    'event_time', newest.event_time,
    'row_event_id', newest.detail -> 'row_event_id',
    'last_seen_at', newest.last_seen_at
  )) as rows
  from (
    select log.*
    from mirror.divergence_log as log
    where log.ref = asked.ref and log.path = $1 and log.resolved_at is null
      and (
        log.kind in ('write_rejected', 'invalid_payload', 'out_of_order')
        or log.kind = 'value_mismatch' and log.detail -> 'tied' = 'true'
      )
    order by log.id desc
    limit 20
  ) as newest
) as known
`,
  params: { path: 'text', keys: 'jsonb' },
  row: { n: z.number(), direct: DIRECT.nullable(), logged: z.array(LOGGED) },
});

const OVERWRITES = z.array(
  z
    .object({ day: z.string().nullable(), at: instant, ref: z.string(), is_emptied: z.boolean() })
    .transform(({ is_emptied: isEmptied, ...rest }) => ({ ...rest, isEmptied })),
);
const RETAINED = z.array(
  z
    .object({ day: z.string().nullable(), at: instant, retention_days: z.number() })
    .transform(({ retention_days: retentionDays, ...rest }) => ({ ...rest, retentionDays })),
);

/** What Postgres knows of a shard, and of its path, besides what the reading asked for. */
export const SHARD_EVIDENCE = query({
  text: `
select
  to_char(l.listed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as listed_at,
  to_char(l.listed_before at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as listed_before,
  (
    select jsonb_build_object('at', d.written_at, 'written_by', d.written_by)
    from mirror.direct_writes as d
    where md5(d.key::text) = md5('{}') and d.path = p.path and d.operation = 'truncate'
  ) as truncated,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'day', o.day, 'at', o.event_time, 'ref', o.ref,
      'is_emptied', coalesce(o.detail -> 'evidence' ? 'siblings_erased', false)
    ))
    from (
      select log.*
      from mirror.divergence_log as log
      where md5(log.shard) = md5($2) and log.shard = $2 and log.path = p.path
        and log.day = any ($3) and log.kind = 'ancestor_overwrite' and log.event_time is not null
      order by log.event_time desc
      limit 500
    ) as o
  ), '[]') as overwrites,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'day', r.day, 'at', r.event_time,
      'retention_days', coalesce((r.detail ->> 'retention_days')::integer, 0)
    ))
    from (
      select distinct on (log.day) log.*
      from mirror.divergence_log as log
      where md5(log.shard) = md5($2) and log.shard = $2 and log.path = p.path
        and log.day = any ($3) and log.kind = 'missing_in_rtdb' and log.cause = 'retention'
        and log.key is null and log.event_time is not null
      order by log.day, log.event_time desc
    ) as r
  ), '[]') as retained
from mirror.paths as p
left join mirror.listings as l using (path)
where p.path = $1
`,
  params: { path: 'text', shard: 'text', days: 'date[]' },
  row: {
    listedAt: z.string().nullable(),
    listedBefore: z.string().nullable(),
    truncated: z
      .object({ at: instant, written_by: z.string() })
      .transform(({ at, written_by: writtenBy }) => ({ at, writtenBy }))
      .nullable(),
    overwrites: OVERWRITES,
    retained: RETAINED,
  },
});

/** Keys whose evidence is asked for with one statement. */
const KEYS_AT_ONCE = 500;
/** What is known of each key, by its ref. Rejects as Postgres does. */
export async function keyEvidence(
  compared: readonly ComparedKey[],
  path: MirroredPath,
  statements: Statements,
): Promise<Map<string, KeyEvidence>> {
  const byRef = new Map<string, KeyEvidence>();
  for (let start = 0; start < compared.length; start += KEYS_AT_ONCE) {
    const batch = compared.slice(start, start + KEYS_AT_ONCE);
    const keys = batch.map((key, n) => ({
      ...{ n, ref: escapeText(key.ref), key: storableKey(path, key.parts) },
    }));
    for (const { n, ...evidence } of await KEY_EVIDENCE.all(statements, {
      path: path.name,
      keys,
    })) {
      const ref = batch[n]?.ref;
      if (ref !== undefined) byRef.set(ref, evidence);
    }
  }
  return byRef;
}

/** What is known of a day, out of what is known of the shard. Pure. */
export function dayEvidenceOf(
  day: string | null,
  {
    overwrites,
    retained,
  }: { overwrites: z.output<typeof OVERWRITES>; retained: z.output<typeof RETAINED> },
): DayEvidence {
  return {
    overwrites: overwrites.filter((one) => one.day === day),
    retained: retained.find((one) => one.day === day) ?? null,
  };
}
