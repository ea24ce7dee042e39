/**
 * What both stores hold for the proof's benches, made from a couple's number: a day node each day, and an award for
 * each. Ids are as long as Firebase's: keys are most of what a listing costs.
 */

const DAY_MS = 24 * 60 * 60 * 1000;
const QUESTS = ['quest_0', 'quest_1', 'quest_2'];
const MADE_MS = 1_793_534_400_000;
/** A uid of Firebase's has 28 characters. */
const PAD = 'kT3vQx8ZpLm2RsWn4YbC';

function userOf(n: number, letter: 'u' | 'w'): string {
  return `${letter}${String(n).padStart(7, '0')}${PAD}`;
}

export function shardOf(n: number): string {
  return `${userOf(n, 'u')}_${userOf(n, 'w')}`;
}

/** Of a shard; null where it is none of these. */
export function numberOf(shard: string): number | null {
  const [, number] = /^u(\d{7})/.exec(shard) ?? [];
  return number === undefined ? null : Number(number);
}

/** The last days to today, oldest first. */
export function daysBack(count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    new Date(Date.now() - (count - 1 - n) * DAY_MS).toISOString().slice(0, 10),
  );
}

/** A couple's node: `isDifferent`: today has a completion that Postgres lacks. */
export function nodeOf(
  root: string,
  n: number,
  days: readonly string[],
  isDifferent: boolean,
): Record<string, unknown> {
  if (root === 'lp_awards')
    return Object.fromEntries(days.map((day) => [`award_${day}`, award(n)]));
  return Object.fromEntries(days.map((day) => [day, dayOf(n, isDifferent && day === days.at(-1))]));
}

function award(n: number): unknown {
  return {
    ...{ amount: 30, multiplier: 1, reason: 'daily_quest_quiz', relatedId: 'quest_0_quiz' },
    ...{ timestamp: MADE_MS, users: [userOf(n, 'u'), userOf(n, 'w')] },
  };
}

function dayOf(n: number, isDifferent: boolean): unknown {
  const both = { [userOf(n, 'u')]: true, [userOf(n, 'w')]: true };
  const completions = Object.fromEntries(QUESTS.map((quest) => [quest, both]));
  return {
    generatedAt: MADE_MS,
    quests: QUEST_LIST,
    completions: isDifferent ? { ...completions, quest_9: both } : completions,
  };
}

const QUEST_LIST = QUESTS.map((id, sortOrder) => ({
  ...{ id, questType: 1, contentId: `quiz_${sortOrder}`, sortOrder, isSideQuest: false },
  ...{ formatType: 'classic', quizName: 'Love Languages' },
}));

const COUPLES_AND_DAYS = `
from generate_series(0, $1::integer - 1) as n
cross join lateral (
  select
    'u' || lpad(n::text, 7, '0') || '${PAD}' as u,
    'w' || lpad(n::text, 7, '0') || '${PAD}' as w
) as users
cross join generate_series(0, $2::integer - 1) as back
cross join lateral (
  select
    (now() at time zone 'UTC')::date - back as day,
    now() - interval '30 hours' - make_interval(days => back) as at
) as dated
`;

/** The same in Postgres, as events brought it before the last readings: $1 couples, $2 days. */
export const SEEDS: readonly string[] = [
  `
insert into rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id,
  event_time, mirrored_at
)
select
  u || '_' || w, day, 'quest_' || quest, case person when 0 then u else w end,
  case person when 0 then w else u end, at, 'true', 'rtdb',
  'seed-' || n, at, at
${COUPLES_AND_DAYS}
cross join generate_series(0, 2) as quest
cross join generate_series(0, 1) as person
`,
  `
insert into rtdb.daily_quests (
  couple_id, date_key, quest_count, payload, origin, event_id, event_time, mirrored_at
)
select
  u || '_' || w, day, 3, '${JSON.stringify(QUEST_LIST)}', 'rtdb', 'seed-' || n,
  at, at
${COUPLES_AND_DAYS}
`,
  `
insert into rtdb.lp_awards (
  couple_id, award_id, amount, multiplier, reason, related_id, awarded_at, payload, origin, event_id,
  event_time, mirrored_at
)
select
  u || '_' || w, 'award_' || day, 30, 1, 'daily_quest_quiz', 'quest_0_quiz',
  to_timestamp(${MADE_MS} / 1000),
  jsonb_build_object(
    'amount', 30, 'multiplier', 1, 'reason', 'daily_quest_quiz', 'relatedId', 'quest_0_quiz',
    'timestamp', ${MADE_MS}, 'users', jsonb_build_array(u, w)
  ),
  'rtdb', 'seed-' || n, at, at
${COUPLES_AND_DAYS}
`,
];
