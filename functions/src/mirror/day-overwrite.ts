import { z } from 'zod';
import type { Divergence } from '../divergences/divergence-log';
import { classified } from '../divergences/vocabulary';
import type { LogPlace } from '../paths/mirrored-path';
import {
  type CompletionKey,
  completionPath,
  dayPath,
  partnerOf,
} from '../paths/quest-completions/completion-path';
import { query, type RowOf } from '../postgres/statements';
import { millisOf } from '../values/event-time';
import type { JsonObject } from '../values/json';
import { asEvidence } from '../values/storable';
import { createDayReader, type DayFacts } from './day-reader';
import { type LeafEvent, originDetail } from './leaf-event';
import type { ExplainErasure } from './outcome';

/**
 * What a single write erased: tombstones of one day that bear one instant. Of the oldest others, those
 * that have no open divergence come along: only what was mirrored first can have been alone when it
 * looked.
 */
const ERASED_SIBLINGS = query({
  text: `
with erased as (
  select
    quest_id,
    user_id,
    completed_at,
    mirrored_at,
    (quest_id, user_id) = ($4, $5) as is_self,
    concat_ws(
      '/', 'daily_quests', couple_id, to_char(date_key, 'YYYY-MM-DD'),
      'completions', quest_id, user_id
    ) as ref
  from rtdb.quest_completions
  where (couple_id, date_key, deleted_at) = ($1, $2::date, $3::timestamptz)
)
select
  (
    select (extract(epoch from completed_at) * 1000)::double precision from erased where is_self
  ) as completed_ms,
  (select count(*)::integer from erased where not is_self) as sibling_count,
  (
    select coalesce(jsonb_agg(jsonb_build_object('questId', quest_id, 'userId', user_id)), '[]')
    from (
      select quest_id, user_id, ref
      from erased
      where not is_self
      order by mirrored_at
      limit 5
    ) as oldest
    where not exists (
      select
      from mirror.divergence_log as log
      where md5(log.ref) = md5(oldest.ref)
        and log.ref = oldest.ref
        and log.kind = 'ancestor_overwrite'
        and log.resolved_at is null
    )
  ) as unlogged
`,
  params: {
    coupleId: 'text',
    dateKey: 'date',
    erasedAt: 'timestamptz',
    questId: 'text',
    userId: 'text',
  },
  row: {
    /** When the leaf's completion was made, in milliseconds since 1970; null without a tombstone. */
    completedMs: z.number().nullable(),
    /** Other leaves of the day that the same write erased. */
    siblingCount: z.number(),
    /** A few of them that the divergence log has nothing of. */
    unlogged: z.array(z.object({ questId: z.string(), userId: z.string() })),
  },
});

export type ErasedTogether = RowOf<typeof ERASED_SIBLINGS>;

/**
 * Looks whether a removed completion was erased by a write of its day: what RTDB shows of the day now,
 * and what else Postgres saw erased by the same write.
 */
export function createDayOverwrite(): ExplainErasure {
  const readDay = createDayReader();
  return async (event, sides) => {
    const { eventTime } = event;
    const leaf = keyOf(event);
    const { instance, databaseHost } = event.origin;
    const [day, erased] = await Promise.all([
      readDay({ instance, databaseHost, path: dayPath(leaf) }, eventTime, sides.rtdb),
      ERASED_SIBLINGS.one(sides.statements, { ...leaf, erasedAt: eventTime }),
    ]);
    const evidence = overwriteEvidence(event, day, erased);
    return evidence.length === 0 ? [] : overwriteDivergences(event, evidence, erased);
  };
}

/** The day may be stamped by a phone whose clock is ahead of the server's, but not by much. */
const CLOCK_SKEW_MS = 60_000;

/**
 * What speaks for a leaf having been erased by a write above it. The event of such a leaf looks
 * like a user's own deletion, hence evidence:
 *
 * - `partner_wrote`: the writer is the partner, who may not touch the leaf itself;
 * - `quest_replaced`: the day's quests in RTDB no longer list this quest;
 * - `day_regenerated`: the day was generated after the completion was made;
 * - `siblings_erased`: the same write erased other leaves of the day, and none is left there (else
 *   it was a user's deletion of several); `siblings_erased_unconfirmed` where the day could not be
 *   read.
 *
 * Pure.
 *
 * @param day what RTDB shows of the day now
 */
export function overwriteEvidence(
  event: LeafEvent,
  { questIds, generatedAt, hasCompletions }: DayFacts,
  erased: ErasedTogether,
): string[] {
  const { authType, authId } = event.origin;
  const { coupleId, questId, userId } = keyOf(event);
  const partnerId = partnerOf(coupleId, userId);
  const evidence: string[] = [];
  if (authType === 'app_user' && partnerId !== null && authId === partnerId) {
    evidence.push('partner_wrote');
  }
  if (questIds !== null && questIds.size > 0 && !questIds.has(questId)) {
    evidence.push('quest_replaced');
  }
  if (
    generatedAt !== null &&
    erased.completedMs !== null &&
    erased.completedMs < generatedAt &&
    generatedAt <= millisOf(event.eventTime) + CLOCK_SKEW_MS
  ) {
    evidence.push('day_regenerated');
  }
  if (erased.siblingCount > 0 && hasCompletions !== true) {
    evidence.push(hasCompletions === null ? 'siblings_erased_unconfirmed' : 'siblings_erased');
  }
  return evidence;
}

/** The divergences of an overwrite: what was erased, and the siblings nobody told of yet. */
export function overwriteDivergences(
  event: LeafEvent,
  evidence: string[],
  erased: ErasedTogether,
): Divergence[] {
  const { eventId, eventTime } = event;
  const leaf = keyOf(event);
  const common = {
    ...classified('ancestor_overwrite', 'ancestor_overwrite'),
    rtdbValue: null,
    eventTime,
  };
  const own: Divergence = {
    ...common,
    ref: event.ref,
    place: placeOf(leaf),
    postgresValue: asEvidence(event.before?.payload ?? null),
    detail: { evidence, ...originDetail(event.origin) },
    eventId,
  };
  const shared = evidence.filter((reason) => reason.startsWith('siblings_erased'));
  const siblings = shared.length > 0 ? erased.unlogged : [];
  return [
    own,
    ...siblings.map((sibling): Divergence => {
      const key = { ...leaf, ...sibling };
      const detail: JsonObject = { evidence: shared, witness_event_id: eventId };
      return {
        ...common,
        ref: completionPath(key),
        place: placeOf(key),
        postgresValue: null,
        detail,
        eventId: null,
      };
    }),
  ];
}

/** The parts of the completion's ref. */
function keyOf({ leaf }: LeafEvent): CompletionKey {
  const { coupleId = '', dateKey = '', questId = '', userId = '' } = leaf.key;
  return { coupleId, dateKey, questId, userId };
}

function placeOf({ coupleId, dateKey, questId, userId }: CompletionKey): LogPlace {
  return {
    shard: coupleId,
    day: dateKey,
    key: { couple_id: coupleId, date_key: dateKey, quest_id: questId, user_id: userId },
  };
}
