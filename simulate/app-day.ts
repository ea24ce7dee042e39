import type { Json } from '../functions/src/values/json';
import { losesAccount, NOW, type WorldWrite } from './couple-day';
import type { Couple } from './couples';
import { between, type Random } from './seeded-random';

/** When the app's other writes of a day are over, in minutes of it. */
const [FIRST_MINUTE, LAST_MINUTE] = [8 * 60, 22 * 60];
/** One couple in so many has a phone that was offline for days. */
const LATE_PHONE_EVERY = 3;
/** The days that it writes now: by how many it is late. */
const LATE_BY_DAYS = [3, 4, 5];
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * What a couple writes on one day besides its quests: the app's writes to each of its other trees, as it sends them
 * (test/fixtures/app/app-writes.json, steps-writes.json). Pure.
 */
export function appDay(couple: Couple, dateKey: string, random: Random): WorldWrite[] {
  const { id, users, index } = couple;
  const [first, second] = users;
  const name = `${dateKey}-${index}`;
  const at = (): number => between(random, FIRST_MINUTE, LAST_MINUTE);
  const story = (
    path: string[],
    writes: readonly { below?: string[]; value: Json; isUpdate?: true }[],
  ): WorldWrite[] => {
    const minutes = writes.map(at).sort((a, b) => a - b);
    return writes.map(({ below = [], ...write }, place) => ({
      ...{ kind: 'write', minute: minutes[place] ?? LAST_MINUTE, path: [...path, ...below] },
      ...{ by: users[place % 2] ?? first, ...write },
    }));
  };
  return [
    ...story(['quiz_sessions', id, `quiz-${name}`], quizSession(`quiz-${name}`, first, second)),
    ...story(['you_or_me_sessions', id, `youorme_${name}`], youOrMe(`youorme_${name}`, users)),
    // Both phones write one key.
    ...story(['lp_awards', id, `award-${name}`], [award(name, users), award(name, users)]),
    ...story(['memory_puzzles', id, `puzzle_${dateKey}`], puzzle(dateKey, first)),
    ...story(['quiz_progression', id], [progression(dateKey)]),
    ...story(['steps_data', id, 'days', dateKey], stepsOfDay(dateKey, first, second)),
  ];
}

/** What a phone completed while it was offline, days ago, and writes now. Pure. */
export function latePhone(couple: Couple, today: string, random: Random): WorldWrite[] {
  const { index, id, users } = couple;
  if (index % LATE_PHONE_EVERY !== 0 || losesAccount(couple)) return [];
  const minute = between(random, FIRST_MINUTE, LAST_MINUTE);
  return LATE_BY_DAYS.flatMap((days) => {
    const at = Date.parse(today) - days * DAY_MS;
    const path = ['daily_quests', id, new Date(at).toISOString().slice(0, 10), 'completions'];
    return [0, 1].map(
      (n): WorldWrite => ({
        ...{ kind: 'write', minute: minute + n * 0.01, by: users[0] },
        path: [...path, `quest_${at + index * 20 + n}_quiz`, users[0]],
        value: n === 0 ? true : at + 9 * 3_600_000,
      }),
    );
  });
}

function quizSession(id: string, first: string, second: string) {
  const session = {
    ...{ id, questionIds: ['aff_0_1', 'aff_0_2'], createdAt: NOW, formatType: 'affirmation' },
    ...{ status: 'waiting_for_answers', initiatedBy: first, subjectUserId: first },
    ...{
      isDailyQuest: true,
      dailyQuestId: '',
      alignmentMatches: 0,
      answers: {},
      completedAt: null,
    },
  };
  const answers = { [first]: [0, 1], [second]: [0, 0] };
  const done = {
    status: 'completed',
    answers,
    completedAt: NOW,
    matchPercentage: 50,
    lpEarned: 30,
  };
  return [{ value: session }, { value: { ...session, ...done } }];
}

function youOrMe(id: string, [first, second]: Couple['users']) {
  const session = {
    ...{ id, userId: first, partnerId: second, status: 'in_progress', createdAt: NOW },
    questions: [{ id: 'yom_q100', prompt: 'Who is more...', category: 'actions' }],
    ...{ initiatedBy: first, subjectUserId: first, answers: null, lpEarned: null },
  };
  const answers = { [first]: [{ questionId: 'yom_q100', answerValue: true }] };
  return [
    { value: session },
    { value: { ...session, answers } },
    { value: { ...session, answers, status: 'completed', completedAt: NOW, lpEarned: 30 } },
  ];
}

function award(name: string, users: Couple['users']) {
  const reason = { reason: 'affirmation_completed', relatedId: `quiz-${name}`, multiplier: 1 };
  return { value: { users: [...users], amount: 30, ...reason, timestamp: NOW } };
}

function puzzle(dateKey: string, user: string) {
  const card = (position: number, status: string) => ({
    ...{ id: `${dateKey}-card-${position}`, position, emoji: '☂️', status, matchedBy: null },
  });
  const id = `puzzle_${dateKey}`;
  const hidden = [card(0, 'hidden'), card(1, 'hidden')];
  const times = {
    createdAt: `${dateKey}T08:20:00.705700`,
    expiresAt: `${dateKey}T21:20:00.195334`,
  };
  const value = { id, ...times, createdBy: user, totalPairs: 1, matchedPairs: 0, status: 'active' };
  const matched = [card(0, 'matched'), card(1, 'matched')];
  return [
    { value: { ...value, cards: hidden } },
    { value: { cards: matched, matchedPairs: 1, status: 'completed' }, isUpdate: true as const },
  ];
}

function progression(dateKey: string) {
  const done = { totalQuizzesCompleted: 4, hasCompletedAllTracks: false };
  const completedQuizzes = { '0_0': true, [`0_${dateKey}`]: true };
  return {
    value: { currentTrack: 1, currentPosition: 2, ...done, completedQuizzes, lastCompletedAt: NOW },
  };
}

function stepsOfDay(dateKey: string, first: string, second: string) {
  const synced = (steps: number) => ({ steps, source: 'healthkit', hourly: { '8': steps } });
  const isUpdate = true as const;
  return [
    {
      value: {
        dateKey,
        goal: 20_000,
        users: { [first]: synced(412) },
        claimed: false,
        updatedAt: NOW,
      },
    },
    // Below the document: the event's delta is a part of it.
    { below: ['users', second], value: synced(1_530), isUpdate },
    { value: { [`users/${first}/steps`]: 3_120, updatedAt: NOW }, isUpdate },
  ];
}
