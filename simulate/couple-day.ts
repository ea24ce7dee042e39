import type { CompletionLeaf } from '../functions/src/paths/quest-completions/completion-path';
import type { Json } from '../functions/src/values/json';
import type { Couple } from './couples';
import { around, between, type Random } from './seeded-random';

/** Something a phone, or the app's backend, does at a minute of the day. */
export type WorldAction = WorldWrite | WorldClaim;

/** A write to RTDB; null removes. */
export interface WorldWrite {
  kind: 'write';
  minute: number;
  path: readonly string[];
  value: Json;
  /** Of several children, and no more: RTDB's `update`. */
  isUpdate?: true;
  /** The user whose phone it is; null = the backend. */
  by: string | null;
}

/** An old phone's second write of a completion, straight to the API. */
export interface WorldClaim {
  kind: 'claim';
  minute: number;
  leaf: CompletionLeaf;
}

/** Nobody is up before, and the day's quests are there by `QUESTS_READY`. */
const DAY_BEGINS = 5 * 60;
const DAY_ENDS = 24 * 60;
const QUESTS_READY = 7 * 60;
const LAST_MOVE = DAY_ENDS - 5;

const QUESTS = 6;
/** In so many couples the second phone generates the day anew, over what is completed already. */
const OVERWRITE_EVERY = 25;
/** In so many couples the account goes, and with it all of the couple's days. */
const DELETION_EVERY = 50;

const COMPLETES = 0.85;
const COMPLETES_AGAIN = 0.08;
const UNDOES = 0.08;
const DOUBLE_TAPS = 0.03;

/** The second write of an old phone comes so many minutes before or after the first at most. */
const CLAIM_SPREAD = 0.1;

/** RTDB puts its own time there. */
export const NOW: Json = { '.sv': 'timestamp' };

interface Day {
  couple: Couple;
  dateKey: string;
  random: Random;
  /** When the second phone overwrites the day; never = infinity. */
  overwrittenAt: number;
}

/**
 * What a couple's two phones do on one day, by their own clocks, and the backend if the account goes. Pure.
 *
 * @param isLast whether it is the couple's last day, on which alone an account can go
 */
export function coupleDay(
  couple: Couple,
  dateKey: string,
  random: Random,
  isLast = true,
): WorldAction[] {
  const { index, id, users } = couple;
  const isOverwritten = index % OVERWRITE_EVERY === 3;
  const isDeleted = isLast && losesAccount(couple);
  const overwrittenAt = isOverwritten ? between(random, 10 * 60, 21 * 60) : Infinity;
  const deletedAt = isDeleted ? between(random, 12 * 60, 22 * 60) : Infinity;
  const day: Day = { couple, dateKey, random, overwrittenAt };
  const actions: WorldAction[] = [
    generation(day, between(random, DAY_BEGINS, QUESTS_READY), 0),
    ...(isOverwritten ? [generation(day, overwrittenAt, 1)] : []),
    ...users.flatMap((user) => userDay(day, user)),
  ];
  // An old phone that has written to RTDB does not stop before its second write.
  const lived = actions.filter(({ minute }) => minute + CLAIM_SPREAD * 2 < deletedAt);
  if (isDeleted) {
    const path = ['daily_quests', id];
    lived.push({ kind: 'write', minute: deletedAt, path, value: null, by: null });
  }
  return lived;
}

export function losesAccount({ index }: Couple): boolean {
  return index % DELETION_EVERY === 7;
}

/** A phone makes the day's quests and sets the whole day; completions under it are gone. */
function generation({ couple, dateKey }: Day, minute: number, phone: 0 | 1): WorldWrite {
  const quests = Array.from({ length: QUESTS }, (_, n) => ({
    id: questIdOf(couple, phone, n),
    questType: 1,
    sortOrder: n,
    isSideQuest: n >= QUESTS / 2,
  }));
  return {
    kind: 'write',
    minute,
    path: ['daily_quests', couple.id, dateKey],
    value: { dateKey, generatedAt: NOW, generatedBy: couple.users[phone], quests },
    by: couple.users[phone],
  };
}

function questIdOf({ index }: Couple, phone: 0 | 1, n: number): string {
  return `quest_${1_763_618_460_000 + index * 20 + phone * 10 + n}_quiz`;
}

function userDay(day: Day, user: string): WorldAction[] {
  const quests = Array.from({ length: QUESTS }, (_, n) => n);
  return quests.flatMap((n) => (day.random() < COMPLETES ? completion(day, user, n) : []));
}

/** One completion, what becomes of it, and the old phone's second write. */
function completion(day: Day, user: string, n: number): WorldAction[] {
  const { couple, dateKey, random, overwrittenAt } = day;
  const minute = activeMinute(random);
  const questId = questIdOf(couple, minute < overwrittenAt ? 0 : 1, n);
  const path = ['daily_quests', couple.id, dateKey, 'completions', questId, user];
  const moves = valuesOf(random, minute)
    // A phone that shows the new quests does not touch the old ones.
    .filter((move) => minute > overwrittenAt || move.minute < overwrittenAt)
    .map((move): WorldWrite => ({ kind: 'write', path, by: user, ...move }));
  const [first, second] = couple.users;
  if (!couple.hasOldPhone || user !== first) return moves;
  const leaf = { coupleId: couple.id, dateKey, questId, userId: user, partnerId: second };
  const claimedAt = minute + between(random, -CLAIM_SPREAD, CLAIM_SPREAD);
  const claim: WorldClaim = { kind: 'claim', minute: claimedAt, leaf };
  return [claim, ...moves];
}

/** The values that a completion's leaf gets, and when. */
function valuesOf(random: Random, minute: number): { minute: number; value: Json }[] {
  const moves = [{ minute, value: completedValue(random) }];
  const later = () => Math.min(LAST_MOVE, minute + between(random, 1, 180));
  const dice = random();
  if (dice < DOUBLE_TAPS) {
    moves.push({ minute: minute + 0.02, value: null }, { minute: minute + 0.04, value: true });
  } else if (dice < DOUBLE_TAPS + UNDOES) {
    const undone = later();
    moves.push({ minute: undone, value: random() < 0.7 ? null : false });
    if (random() < 0.5) moves.push({ minute: Math.max(undone, later()), value: true });
  } else if (dice < DOUBLE_TAPS + UNDOES + COMPLETES_AGAIN) {
    moves.push({ minute: later(), value: { completedAt: NOW, device: 'ios' } });
  }
  return moves;
}

function completedValue(random: Random): Json {
  const dice = random();
  if (dice < 0.85) return true;
  return dice < 0.95 ? NOW : { completedAt: NOW, device: 'android' };
}

/** Mornings and evenings peak. */
function activeMinute(random: Random): number {
  const dice = random();
  const minute =
    dice < 0.4
      ? around(random, 8.5 * 60, 35)
      : dice < 0.9
        ? around(random, 20.5 * 60, 50)
        : between(random, QUESTS_READY, LAST_MOVE);
  return Math.min(LAST_MOVE, Math.max(QUESTS_READY, minute));
}

/** A claim of a completion that never reached RTDB: the two writes of an old phone disagree. */
export function strayClaim({ id, index, users }: Couple, dateKey: string): WorldClaim {
  const [userId, partnerId] = users;
  const questId = `quest_offline_${index}`;
  const minute = 8 * 60 + ((index * 37) % (15 * 60));
  return { kind: 'claim', minute, leaf: { coupleId: id, dateKey, questId, userId, partnerId } };
}
