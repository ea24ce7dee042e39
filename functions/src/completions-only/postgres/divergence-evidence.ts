import { z } from 'zod';
import { KIND_NAMES } from '../../divergences/vocabulary';
import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import type { Json } from '../../values/json';
import { canonicalValue } from '../../values/rtdb-value';

/**
 * What Postgres knows of each leaf, as evidence for why it differs from RTDB. $1 leaves as JSON, whose
 * `ref` and keys are escaped as in the log. Of a leaf's divergences, the newest twenty.
 */
export const LEAF_EVIDENCE = `
select
  leaf.n,
  row.origin,
  row.event_id,
  to_char(nullif(row.event_time, '-infinity') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    as event_time,
  to_char(row.mirrored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as mirrored_at,
  direct.operation as direct_operation,
  direct.written_by as direct_written_by,
  to_char(direct.written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    as direct_written_at,
  coalesce(known.divergences, '[]') as divergences
from jsonb_to_recordset($1::jsonb) as leaf (
  n integer,
  ref text,
  couple_id text collate "C",
  date_key date,
  quest_id text collate "C",
  user_id text collate "C"
)
cross join lateral (
  select jsonb_build_object(
    'couple_id', leaf.couple_id, 'date_key', leaf.date_key,
    'quest_id', leaf.quest_id, 'user_id', leaf.user_id
  ) as key
) as leaf_key
left join lateral (
  select q.origin, q.event_id, q.event_time, q.mirrored_at
  from rtdb.quest_completions as q
  where (q.couple_id, q.date_key, q.quest_id, q.user_id)
    = (leaf.couple_id, leaf.date_key, leaf.quest_id, leaf.user_id)
) as row on true
left join lateral (
  select d.operation, d.written_by, d.written_at
  from mirror.direct_writes as d
  where d.path = 'quest_completions'
    and md5(d.key::text) = md5(leaf_key.key::text)
    and d.key = leaf_key.key
) as direct on true
cross join lateral (
  select jsonb_agg(jsonb_build_object(
    'id', newest.id,
    'kind', newest.kind,
    'detected_by', newest.detected_by,
    'is_open', newest.resolved_at is null,
    'is_tie', coalesce((newest.detail -> 'tied')::boolean, false),
    'rtdb_value', newest.rtdb_value,
    'event_time', to_char(
      newest.event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ),
    'first_seen_at', to_char(
      newest.first_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    )
  )) as divergences
  from (
    select log.*
    from mirror.divergence_log as log
    where log.ref = leaf.ref and log.path = 'quest_completions'
    order by log.id desc
    limit 20
  ) as newest
) as known
`;

/**
 * What is known of whole days. $1 couples and $2 their days (YYYY-MM-DD), side by side: the newest
 * overwrite, and whether deletions beyond retention were left out.
 */
export const DAY_EVIDENCE = `
select
  log.shard as couple_id,
  to_char(log.day, 'YYYY-MM-DD') as date_key,
  to_char(
    max(log.event_time) filter (where log.kind = 'ancestor_overwrite') at time zone 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
  ) as overwritten_at,
  coalesce(bool_or(log.cause = 'retention'), false) as is_retained
from unnest($1::text[], $2::date[]) as asked (couple_id, date_key)
join mirror.divergence_log as log
  on md5(log.shard) = md5(asked.couple_id)
  and log.shard = asked.couple_id
  and log.day = asked.date_key
where log.path = 'quest_completions'
  and (
    log.kind = 'ancestor_overwrite'
    or (log.kind = 'missing_in_rtdb' and log.key is null)
  )
group by log.shard, log.day
`;

const LOGGED = z.object({
  id: z.number(),
  kind: z.enum(KIND_NAMES),
  detected_by: z.string(),
  is_open: z.boolean(),
  is_tie: z.boolean(),
  rtdb_value: z.unknown(),
  event_time: z.string().nullable(),
  first_seen_at: z.string(),
});

const LEAF = z.object({
  n: z.number(),
  origin: z.string().nullable(),
  event_id: z.string().nullable(),
  event_time: z.string().nullable(),
  mirrored_at: z.string().nullable(),
  direct_operation: z.string().nullable(),
  direct_written_by: z.string().nullable(),
  direct_written_at: z.string().nullable(),
  divergences: z.array(LOGGED),
});

const DAY = z.object({
  couple_id: z.string(),
  date_key: z.string(),
  overwritten_at: z.string().nullable(),
  is_retained: z.boolean(),
});

/** A divergence of the leaf that the log holds. */
export interface LoggedDivergence {
  id: number;
  kind: string;
  detectedBy: string;
  isOpen: boolean;
  isTie: boolean;
  rtdbValue: Json;
  eventTime: string | null;
  firstSeenAt: string;
}

/** Instants are normalized. */
export interface LeafEvidence {
  /** Null where there is no row. `eventTime` null: the row stands for no event. */
  row: {
    origin: string;
    eventId: string | null;
    eventTime: string | null;
    mirroredAt: string;
  } | null;
  directWrite: { operation: string; writtenBy: string; writtenAt: string } | null;
  /** Newest first. */
  divergences: LoggedDivergence[];
}

export interface DayEvidence {
  overwrittenAt: string | null;
  isRetained: boolean;
}

/** The parameter of LEAF_EVIDENCE; the keys are storable. */
export function evidenceParameter(leaves: readonly (CompletionKey & { ref: string })[]): string {
  return JSON.stringify(
    leaves.map((leaf, n) => ({
      n,
      ref: leaf.ref,
      couple_id: leaf.coupleId,
      date_key: leaf.dateKey,
      quest_id: leaf.questId,
      user_id: leaf.userId,
    })),
  );
}

/** One for each leaf asked for, in that order. */
export function parseLeafEvidence(rows: unknown[]): LeafEvidence[] {
  return rows
    .map((row) => LEAF.parse(row))
    .sort((a, b) => a.n - b.n)
    .map((leaf) => ({
      row:
        leaf.origin === null || leaf.mirrored_at === null
          ? null
          : {
              origin: leaf.origin,
              eventId: leaf.event_id,
              eventTime: leaf.event_time,
              mirroredAt: leaf.mirrored_at,
            },
      directWrite:
        leaf.direct_operation === null ||
        leaf.direct_written_by === null ||
        leaf.direct_written_at === null
          ? null
          : {
              operation: leaf.direct_operation,
              writtenBy: leaf.direct_written_by,
              writtenAt: leaf.direct_written_at,
            },
      divergences: leaf.divergences
        .sort((a, b) => b.id - a.id)
        .map((logged) => ({
          id: logged.id,
          kind: logged.kind,
          detectedBy: logged.detected_by,
          isOpen: logged.is_open,
          isTie: logged.is_tie,
          rtdbValue: canonicalValue(logged.rtdb_value),
          eventTime: logged.event_time,
          firstSeenAt: logged.first_seen_at,
        })),
    }));
}

/** By the day's path, `daily_quests/{coupleId}/{dateKey}`. */
export function parseDayEvidence(rows: unknown[]): Map<string, DayEvidence> {
  return new Map(
    rows.map((row) => {
      const day = DAY.parse(row);
      return [
        `daily_quests/${day.couple_id}/${day.date_key}`,
        { overwrittenAt: day.overwritten_at, isRetained: day.is_retained },
      ];
    }),
  );
}
