import { fixtureEvent, fixtureNames, type JsonValue, MODES, send } from '../support/cloud-event';
import { mirrorOfFile } from '../support/mirror-runtime';
import {
  type CompletionRow,
  completions,
  type DivergenceRow,
  divergences,
  fieldsOf,
} from '../support/mirror-tables';

interface Expected {
  row?: Partial<CompletionRow>;
  divergence?: Partial<DivergenceRow>;
  fields?: string[];
}

const REPEATED = '_Zr-2Hq7'.repeat(16);
const PUSH_TOKEN = `fK3x_9dTQm-1aB:APA91bHq7${REPEATED}_Zr-2`;
const UUID = '2f6c1f0e-4a57-4c34-9f5d-0d7c3a1b2e9f';
const BEFORE_MIRRORING = { kind: 'missed_event', cause: 'before_mirroring', severity: 'info' };
const REFUSED = { kind: 'invalid_payload', cause: 'rejected', severity: 'error' };

const quizOfAlice = { quest_id: 'quest_1763510400100_quiz', user_id: 'alice' };
const quizOfBob = { quest_id: 'quest_1763510400100_quiz', user_id: 'bob_smith' };
const youOrMe = { quest_id: 'quest_1763510400102_you_or_me', user_id: 'bob_smith' };

function live(
  key: Partial<CompletionRow>,
  payload: JsonValue,
  eventTime: string,
  completedAt = eventTime,
): Partial<CompletionRow> {
  return { ...key, payload, event_time: eventTime, completed_at: completedAt, deleted_at: null };
}

function tombstone(key: Partial<CompletionRow>, time: string): Partial<CompletionRow> {
  return { ...key, payload: null, event_time: time, completed_at: time, deleted_at: time };
}

const NOON = '2025-11-19T12:00:00.000000Z';

const EXPECTED: Record<string, Expected> = {
  'created-true': { row: live(quizOfAlice, true, '2025-11-19T12:00:00.123456Z') },
  'created-millis': { row: live(quizOfBob, 1763553600000, '2025-11-19T12:00:00.500000Z', NOON) },
  'created-object': {
    row: live(
      youOrMe,
      { completedAt: '2025-11-19T12:00:00Z', device: 'ios' },
      '2025-11-19T12:00:01.000000Z',
      NOON,
    ),
  },
  'updated-object': {
    row: live(
      youOrMe,
      { completedAt: 1763553600000, score: 5 },
      '2025-11-19T12:05:00.000001Z',
      NOON,
    ),
    divergence: {
      ...BEFORE_MIRRORING,
      rtdb_value: { completedAt: 1763553600000, device: 'ios' },
      postgres_value: null,
    },
  },
  deleted: {
    row: tombstone(quizOfAlice, '2025-11-19T12:10:00.654321Z'),
    divergence: { ...BEFORE_MIRRORING, rtdb_value: true, postgres_value: null },
  },
  'false-is-not-completed': {
    row: tombstone(quizOfAlice, '2025-11-19T12:11:00.000000Z'),
    divergence: { ...BEFORE_MIRRORING, rtdb_value: true, postgres_value: null },
  },
  'foreign-user': {
    row: {
      ...live({ ...quizOfAlice, user_id: 'mallory' }, true, '2025-11-19T12:13:00.000000Z'),
      partner_id: null,
    },
    divergence: { kind: 'foreign_user', cause: 'unknown', severity: 'info', rtdb_value: true },
  },
  'impossible-date': {
    divergence: { ...REFUSED, day: null, rtdb_value: true },
    fields: ['dateKey'],
  },
  'invalid-value': { divergence: { ...REFUSED, rtdb_value: 'yes' }, fields: ['value'] },
  'lone-surrogate': {
    divergence: {
      ...REFUSED,
      rtdb_value: { completedAt: 1763553600000, note: '\\ud83d' },
    },
    fields: ['value.note'],
  },
  'nul-in-value': {
    divergence: {
      ...REFUSED,
      rtdb_value: { completedAt: 1763553600000, note: 'a\\u0000b' },
    },
    fields: ['value.note'],
  },
  'push-token-user': {
    row: {
      ...live({ quest_id: 'quest_1763510400100_quiz' }, true, '2025-11-19T12:12:00.000000Z'),
      couple_id: `${UUID}_${PUSH_TOKEN}`,
      user_id: PUSH_TOKEN,
      partner_id: UUID,
    },
  },
};

const mirror = mirrorOfFile();

test('every fixture has an expected result', () => {
  expect(Object.keys(EXPECTED).sort()).toEqual(fixtureNames().sort());
});

describe.each(MODES)('in %s mode', (mode) => {
  test.each(Object.entries(EXPECTED))('%s ends as expected', async (name, expected) => {
    const event = fixtureEvent(name);
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);

    const partners: Record<string, string> = { alice: 'bob_smith', bob_smith: 'alice' };
    const rows = await completions(mirror.database);
    expect(rows).toEqual(
      expected.row === undefined
        ? []
        : [
            {
              couple_id: 'alice_bob_smith',
              date_key: '2025-11-19',
              partner_id: partners[expected.row.user_id ?? ''],
              origin: 'rtdb',
              event_id: event.id,
              client_claimed_at: null,
              ...expected.row,
            },
          ],
    );

    const logged = await divergences(mirror.database);
    const common = { ref: event.ref, detected_by: 'trigger', event_id: event.id, times_seen: 1 };
    expect(logged).toEqual(
      expected.divergence === undefined
        ? []
        : [expect.objectContaining({ ...common, resolved: false, ...expected.divergence })],
    );
    expect(fieldsOf(logged[0])).toEqual(expected.fields ?? []);
  });
});
