import type { Divergence } from '../divergences/divergence-log';
import type { LogPlace } from '../paths/mirrored-path';
import {
  type CompletionKey,
  completionPath,
  dayPath,
  partnerOf,
} from '../paths/quest-completions/completion-path';
import { millisOf } from '../values/event-time';
import type { JsonObject } from '../values/json';
import { asEvidence } from '../values/storable';
import { createDayReader, type DayFacts } from './day-reader';
import { ERASED_SIBLINGS, type ErasedTogether, parseErasedTogether } from './erased-siblings';
import type { ExplainErasure } from './mirror-event';
import { originDetail } from './refusals';
import type { LeafEvent } from './written-event';

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
    const values = [leaf.coupleId, leaf.dateKey, eventTime, leaf.questId, leaf.userId];
    const [day, rows] = await Promise.all([
      readDay({ instance, databaseHost, path: dayPath(leaf) }, eventTime, sides.rtdb),
      sides.store.read(ERASED_SIBLINGS, values),
    ]);
    const erased = parseErasedTogether(rows);
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
    kind: 'ancestor_overwrite',
    cause: 'ancestor_overwrite',
    severity: 'warning',
    rtdbValue: null,
    eventTime,
  } as const;
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
