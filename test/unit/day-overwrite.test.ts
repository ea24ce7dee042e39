import { isBeyondRetention } from '../../functions/src/mirror/claim';
import { overwriteDivergences, overwriteEvidence } from '../../functions/src/mirror/day-overwrite';
import type { DayFacts } from '../../functions/src/mirror/day-reader';
import type { LeafEvent } from '../../functions/src/mirror/leaf-event';

const EVENT_MS = Date.parse('2025-11-19T12:00:00Z');
const ALONE = { completedMs: EVENT_MS - 60_000, siblingCount: 0, unlogged: [] };

/** A day that RTDB holds nothing of. */
const EMPTY: DayFacts = { questIds: new Set(), generatedAt: null, hasCompletions: false };
const UNREAD: DayFacts = { questIds: null, generatedAt: null, hasCompletions: null };

function removal(origin: Partial<LeafEvent['origin']> = {}): LeafEvent {
  return {
    kind: 'leaf',
    ref: 'daily_quests/alice_bob/2025-11-19/completions/quest_1/bob',
    leaf: {
      key: { coupleId: 'alice_bob', dateKey: '2025-11-19', questId: 'quest_1', userId: 'bob' },
      parts: ['alice_bob', '2025-11-19', 'quest_1', 'bob'],
    },
    eventId: 'e1',
    eventTime: '2025-11-19T12:00:00.000000Z',
    after: { payload: null, gone: true, columns: {}, drifted: [] },
    before: { payload: true, gone: false, columns: {}, drifted: [] },
    origin: { instance: null, databaseHost: null, authType: 'unknown', authId: null, ...origin },
  };
}

describe('evidence of an overwritten ancestor', () => {
  test.each([
    ['a lone removal by its own user has none', removal(), EMPTY, ALONE, []],
    ['a day that could not be read is none', removal(), UNREAD, ALONE, []],
    [
      'the partner wrote',
      removal({ authType: 'app_user', authId: 'alice' }),
      EMPTY,
      ALONE,
      ['partner_wrote'],
    ],
    ['an admin wrote', removal({ authType: 'admin', authId: 'alice' }), EMPTY, ALONE, []],
    ['the user wrote', removal({ authType: 'app_user', authId: 'bob' }), EMPTY, ALONE, []],
    [
      'the quest is gone',
      removal(),
      { ...EMPTY, questIds: new Set(['quest_2']) },
      ALONE,
      ['quest_replaced'],
    ],
    ['the quest still stands', removal(), { ...EMPTY, questIds: new Set(['quest_1']) }, ALONE, []],
    [
      'the day was generated after the completion',
      removal(),
      { ...EMPTY, generatedAt: EVENT_MS - 1_000 },
      ALONE,
      ['day_regenerated'],
    ],
    ['the day is older', removal(), { ...EMPTY, generatedAt: EVENT_MS - 3_600_000 }, ALONE, []],
    [
      'the day is of a later write',
      removal(),
      { ...EMPTY, generatedAt: EVENT_MS + 120_000 },
      ALONE,
      [],
    ],
    [
      'no completion time, no comparison',
      removal(),
      { ...EMPTY, generatedAt: EVENT_MS },
      { ...ALONE, completedMs: null },
      [],
    ],
    ['siblings went with it', removal(), EMPTY, { ...ALONE, siblingCount: 2 }, ['siblings_erased']],
    [
      'siblings went with it, and the day could not be read',
      removal(),
      UNREAD,
      { ...ALONE, siblingCount: 2 },
      ['siblings_erased_unconfirmed'],
    ],
    [
      'siblings went with it, but others of the day stand',
      removal(),
      { ...EMPTY, hasCompletions: true },
      { ...ALONE, siblingCount: 2 },
      [],
    ],
  ])('%s', (_case, event, day, erased, expected) => {
    expect(overwriteEvidence(event, day, erased)).toEqual(expected);
  });

  test('what was erased is kept, and siblings nobody told of are told', () => {
    const erased = { ...ALONE, siblingCount: 1, unlogged: [{ questId: 'q0', userId: 'alice' }] };
    const [own, sibling, ...more] = overwriteDivergences(removal(), ['siblings_erased'], erased);
    expect(own).toMatchObject({ ref: removal().ref, postgresValue: true, eventId: 'e1' });
    expect(sibling).toMatchObject({
      ref: 'daily_quests/alice_bob/2025-11-19/completions/q0/alice',
      place: { shard: 'alice_bob', key: { quest_id: 'q0', user_id: 'alice' } },
      kind: 'ancestor_overwrite',
      detail: { witness_event_id: 'e1' },
    });
    expect(more).toEqual([]);
  });

  test('siblings are told of only where they are the evidence', () => {
    const erased = { ...ALONE, siblingCount: 1, unlogged: [{ questId: 'q0', userId: 'alice' }] };
    expect(overwriteDivergences(removal(), ['partner_wrote'], erased)).toHaveLength(1);
  });
});

test.each([
  ['off', '2020-01-01', 0, false],
  ['the same day', '2025-11-19', 1, false],
  ['as old as it may be', '2025-10-20', 30, false],
  ['a day older', '2025-10-19', 30, true],
  ['a day ahead of the server', '2025-11-20', 1, false],
])('beyond retention: %s', (_case, dateKey, retentionDays, expected) => {
  expect(isBeyondRetention(dateKey, '2025-11-19T23:59:59.000000Z', retentionDays)).toBe(expected);
});
