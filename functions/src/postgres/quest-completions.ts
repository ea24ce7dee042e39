import { z } from 'zod';
import type { CompletionLeaf } from '../quests/completion-path';
import type { Json, JsonObject } from '../quests/json';

/**
 * A claim about the state of one row at one version, `(eventTime, eventId)`.
 * It wins, loses or ties against the row in {@link APPLY_CLAIMS}, and nowhere else.
 */
export interface Claim {
  leaf: CompletionLeaf;
  ref: string;
  eventId: string;
  eventTime: string;
  /** RTDB's value; null = not completed, which leaves a tombstone. */
  payload: Json;
  completedAt: string;
  /** The value before the write, to find out whether an event is missing; `unknown` = don't ask. */
  before: { known: true; payload: Json } | { known: false };
  /** The payload was read from RTDB after a tie: it settles the tie. */
  settlesTie: boolean;
  /** Who wrote, and where: kept with a divergence. */
  detail: JsonObject;
}

const RESULT = z.object({
  n: z.number(),
  verdict: z.enum(['applied', 'duplicate', 'stale', 'tied', 'contended']),
  lag_ms: z.coerce.number(),
  missed_event: z.boolean(),
  row_event_id: z.string().nullable(),
  row_payload: z.json(),
  behind_ms: z.coerce.number().nullable(),
});

export interface ClaimVerdict {
  /** `contended`: another writer inserted the row meanwhile; nothing was done, ask again. */
  verdict: z.infer<typeof RESULT>['verdict'];
  /** From the write in RTDB until now. */
  lagMs: number;
  missedEvent: boolean;
  /** The event that the row showed before; null where there was no row, or no event made it. */
  rowEventId: string | null;
  /** The state that a stale claim lost against, and by how much. */
  newer: { payload: Json; behindMs: number } | null;
}

/**
 * Upserts a batch of claims, at most one for each row, given in key order.
 *
 * - `held` locks the rows that exist, in key order, as every writer does: no deadlocks. Under READ
 *   COMMITTED it returns what a concurrent writer left, not what the snapshot saw. Lateral, so that
 *   it is an index lookup for each claim whatever the planner thinks of the table's size.
 * - A row that someone inserts after the snapshot is not in `held`; then the insert does nothing
 *   and the claim is `contended`.
 * - `lock_timeout` is set here because a transaction pooler takes no session settings: one row
 *   locked by someone else must not hold up all others on the connection.
 * - A missing event is logged in the same statement: afterwards the row shows nothing of it, and a
 *   crash in between would lose it, since the event's redelivery is only a duplicate.
 *
 * Source: DESIGN section 4; PostgreSQL manual, 7.8.4 "Data-Modifying Statements in WITH".
 */
export const APPLY_CLAIMS = `
with settings as materialized (
  select set_config('lock_timeout', '500ms', true)
),
claim as materialized (
  select c.*
  from settings
  cross join jsonb_to_recordset($1::jsonb) as c (
    n integer,
    ref text,
    couple_id text collate "C",
    date_key date,
    quest_id text collate "C",
    user_id text collate "C",
    partner_id text collate "C",
    completed_at timestamptz,
    payload jsonb,
    event_id text,
    event_time timestamptz,
    before_known boolean,
    before_payload jsonb,
    settles_tie boolean,
    detail jsonb
  )
),
held as materialized (
  select c.n, q.*
  from claim as c
  cross join lateral (
    select q.origin, q.payload, q.event_id, q.event_time, q.mirrored_at
    from public.quest_completions as q
    where (q.couple_id, q.date_key, q.quest_id, q.user_id)
        = (c.couple_id, c.date_key, c.quest_id, c.user_id)
    for update
  ) as q
),
judged as materialized (
  select
    c.*,
    h.origin as held_origin,
    h.payload as held_payload,
    h.event_id as held_event_id,
    h.event_time as held_event_time,
    h.mirrored_at as held_mirrored_at,
    case
      when h.n is null then 'insert'
      when h.event_id = c.event_id then 'duplicate'
      when h.event_time > c.event_time then 'stale'
      when h.event_time < c.event_time then 'update'
      when h.payload is not distinct from c.payload then 'duplicate'
      when c.settles_tie then 'update'
      else 'tied'
    end as action
  from claim as c
  left join held as h using (n)
),
inserted as (
  insert into public.quest_completions (
    couple_id, date_key, quest_id, user_id, partner_id,
    completed_at, payload, origin, event_id, event_time, deleted_at
  )
  select
    couple_id, date_key, quest_id, user_id, partner_id,
    completed_at, payload, 'rtdb', event_id, event_time,
    case when payload is null then event_time end
  from judged
  where action = 'insert'
  order by n
  on conflict do nothing
  returning couple_id, date_key, quest_id, user_id
),
updated as (
  update public.quest_completions as q
  set
    partner_id = j.partner_id,
    -- A tombstone keeps the time of the completion that it buries.
    completed_at = case when j.payload is null then q.completed_at else j.completed_at end,
    payload = j.payload,
    -- A tie is settled by reading RTDB again, as a repair does.
    origin = case when j.settles_tie then 'repair' else 'rtdb' end,
    event_id = j.event_id,
    event_time = j.event_time,
    deleted_at = case when j.payload is null then j.event_time end,
    mirrored_at = clock_timestamp()
  from judged as j
  where j.action = 'update'
    and (q.couple_id, q.date_key, q.quest_id, q.user_id)
      = (j.couple_id, j.date_key, j.quest_id, j.user_id)
),
settled as materialized (
  select
    j.*,
    case
      when j.action = 'update' then 'applied'
      when j.action <> 'insert' then j.action
      when i.couple_id is null then 'contended'
      else 'applied'
    end as verdict,
    -- The write began from another state than the row shows: an event before it is missing. A row
    -- that was read (backfill, repair, a settled tie) may be ahead of the writes before the
    -- reading, and a client's row is no witness of RTDB at all.
    j.before_known
      and not j.settles_tie
      and j.before_payload is distinct from j.held_payload
      and j.held_origin is distinct from 'client'
      and (coalesce(j.held_origin, 'rtdb') = 'rtdb' or j.event_time > j.held_mirrored_at)
      as is_gap
  from judged as j
  left join inserted as i using (couple_id, date_key, quest_id, user_id)
),
logged as (
  insert into mirror.divergence_log as log (
    ref, couple_id, date_key, quest_id, user_id, kind, cause, severity, detected_by,
    rtdb_value, postgres_value, detail, event_id, event_time
  )
  select
    ref, couple_id, date_key, quest_id, user_id,
    'missed_event',
    case when held_event_time is null then 'before_mirroring' else 'unknown' end,
    case when held_event_time is null then 'info' else 'warning' end,
    'trigger',
    before_payload,
    held_payload,
    detail || jsonb_build_object(
      'row_event_id', held_event_id,
      'row_origin', held_origin,
      -- What would fill the gap: an event that brought this state between these versions.
      'awaited', jsonb_build_array(jsonb_build_object(
        'value', before_payload, 'from', held_event_time, 'to', event_time
      ))
    ),
    event_id,
    event_time
  from settled
  where verdict = 'applied' and is_gap
  order by n
  on conflict (md5(ref), kind) where resolved_at is null do update
  set
    times_seen = log.times_seen + 1,
    last_seen_at = excluded.last_seen_at,
    cause = excluded.cause,
    severity = excluded.severity,
    rtdb_value = excluded.rtdb_value,
    postgres_value = excluded.postgres_value,
    detail = excluded.detail || jsonb_build_object(
      'awaited',
      coalesce(log.detail -> 'awaited', '[]'::jsonb) || (excluded.detail -> 'awaited')
    ),
    event_id = excluded.event_id,
    event_time = excluded.event_time
)
select
  n,
  verdict,
  extract(epoch from clock_timestamp() - event_time) * 1000 as lag_ms,
  verdict = 'applied' and is_gap as missed_event,
  held_event_id as row_event_id,
  case when verdict = 'stale' then held_payload end as row_payload,
  case when verdict = 'stale' then extract(epoch from held_event_time - event_time) * 1000 end
    as behind_ms
from settled
`;

/** The statement's one parameter: the batch as JSON. `n` is the claim's place in `claims`. */
export function claimsParameter(claims: readonly Claim[]): string {
  return JSON.stringify(
    claims.map((claim, n) => ({
      n,
      ref: claim.ref,
      couple_id: claim.leaf.coupleId,
      date_key: claim.leaf.dateKey,
      quest_id: claim.leaf.questId,
      user_id: claim.leaf.userId,
      partner_id: claim.leaf.partnerId,
      completed_at: claim.completedAt,
      payload: claim.payload,
      event_id: claim.eventId,
      event_time: claim.eventTime,
      before_known: claim.before.known,
      before_payload: claim.before.known ? claim.before.payload : null,
      settles_tie: claim.settlesTie,
      detail: claim.detail,
    })),
  );
}

/** The verdicts, in the order of the claims. Throws where the answer is not one for each claim. */
export function parseVerdicts(rows: unknown[], count: number): ClaimVerdict[] {
  const verdicts: ClaimVerdict[] = [];
  for (const row of rows) {
    const result = RESULT.parse(row);
    verdicts[result.n] = {
      verdict: result.verdict,
      lagMs: Math.round(result.lag_ms),
      missedEvent: result.missed_event,
      rowEventId: result.row_event_id,
      newer:
        result.behind_ms === null
          ? null
          : { payload: result.row_payload, behindMs: Math.round(result.behind_ms) },
    };
  }
  // An answer to some other batch must never acknowledge this one.
  if (
    rows.length !== count ||
    Object.keys(verdicts).length !== count ||
    verdicts.length !== count
  ) {
    throw new Error(`expected ${count} verdicts from Postgres, got ${rows.length}`);
  }
  return verdicts;
}
