/** What both stores hold in the bench: the same completions, made from a couple's number. */

export const DAYS = ['2026-11-01', '2026-11-02'];
const QUESTS = 3;
/** Two days of three quests, done by both. */
export const COMPLETIONS_PER_COUPLE = DAYS.length * QUESTS * 2;

const COMPLETED_MS = 1_793_534_400_000;

export function coupleIdOf(n: number): string {
  const number = String(n).padStart(7, '0');
  return `u${number}_w${number}`;
}

/** A couple's days as RTDB holds them: the quests that the app generated, and their completions. */
export function daysOf(n: number): Record<string, unknown> {
  const [first, second] = coupleIdOf(n).split('_') as [string, string];
  const days: Record<string, unknown> = {};
  for (const dateKey of DAYS) {
    const completions: Record<string, unknown> = {};
    for (let q = 0; q < QUESTS; q += 1) {
      const value = completionValue(n, q);
      completions[`quest_${q}`] = { [first]: value, [second]: value };
    }
    days[dateKey] = { dateKey, generatedAt: COMPLETED_MS, quests: QUEST_LIST, completions };
  }
  return days;
}

const QUEST_LIST = Array.from({ length: QUESTS }, (_, q) => ({
  id: `quest_${q}`,
  questType: 1,
  contentId: `quiz_${q}`,
  sortOrder: q,
  isSideQuest: false,
  formatType: 'classic',
  quizName: 'Love Languages',
}));

/** Seven of ten are `true`, two a time, one an object. */
function completionValue(n: number, quest: number): unknown {
  const dice = (n + quest) % 10;
  if (dice < 7) return true;
  return dice < 9 ? COMPLETED_MS + n : { completedAt: COMPLETED_MS + n, device: 'ios' };
}

/** The same in Postgres: $1 couples. */
export const SEED_COMPLETIONS = `
insert into rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id,
  completed_at, payload, origin, event_id, event_time
)
select
  'u' || number || '_w' || number,
  date '2026-11-01' + day,
  'quest_' || quest,
  case person when 0 then 'u' else 'w' end || number,
  case person when 0 then 'w' else 'u' end || number,
  case
    when (n + quest) % 10 < 7 then timestamptz '2026-11-01 12:00Z'
    else to_timestamp(1793534400) + make_interval(secs => n / 1000.0)
  end,
  case
    when (n + quest) % 10 < 7 then 'true'::jsonb
    when (n + quest) % 10 < 9 then to_jsonb(1793534400000 + n)
    else jsonb_build_object('completedAt', 1793534400000 + n, 'device', 'ios')
  end,
  'rtdb',
  'seed-' || n || '-' || day || '-' || quest || '-' || person,
  timestamptz '2026-11-01 12:00Z'
from generate_series(0, $1::integer - 1) as n
cross join lateral (select lpad(n::text, 7, '0') as number) as named
cross join generate_series(0, 1) as day
cross join generate_series(0, 2) as quest
cross join generate_series(0, 1) as person
`;
