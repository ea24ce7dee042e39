import { completionEvent, type JsonValue, MODES, post, send } from '../support/cloud-event';
import { mirrorOfFile } from '../support/mirror-runtime';
import { completions, divergences, fieldsOf } from '../support/mirror-tables';

const EVENT_TIME = '2025-11-19T12:00:00.123456Z';
const MEGABYTE = 1024 * 1024;
const USER = 'MARKER-user_fK3x9dTQm:APA91bMARKER';
const COUPLE = `${USER}_zoe`;

/** RTDB's deepest node lies 32 levels down. */
function nested(levels: number): JsonValue {
  return levels === 0 ? 'bottom' : { deeper: nested(levels - 1) };
}

const withTime = (more: { [key: string]: JsonValue }) => ({ completedAt: 1763553600000, ...more });

const REFUSED: [string, JsonValue, string][] = [
  ['text', 'MARKER-payload yes', 'value'],
  ['empty text', '', 'value'],
  ['text that looks true', 'true', 'value'],
  ['text that looks like milliseconds', '1763553600000', 'value'],
  ['a list', [true, true], 'value'],
  ['an object without completedAt', { device: 'ios' }, 'value.completedAt'],
  ['completedAt of true', { completedAt: true }, 'value.completedAt'],
  ['completedAt in words', { completedAt: 'yesterday' }, 'value.completedAt'],
  ['completedAt on no day', { completedAt: '2025-02-30T12:00:00Z' }, 'value.completedAt'],
  [
    'completedAt in a zone that does not exist',
    { completedAt: '2025-11-19T12:00:00+99:99' },
    'value.completedAt',
  ],
  ['completedAt of the year 0', { completedAt: '0000-01-01T00:00:00Z' }, 'value.completedAt'],
  ['completedAt of digits', { completedAt: '1763553600000' }, 'value.completedAt'],
  ['completedAt of SQL text', { completedAt: `now()'; --` }, 'value.completedAt'],
  ['completedAt as an object', { completedAt: { '.sv': 'timestamp' } }, 'value.completedAt'],
  ['U+0000', withTime({ note: 'a\u0000b' }), 'value.note'],
  ['U+0000 deep down', withTime({ a: { b: ['c\u0000'] } }), 'value.a.b.0'],
  ['U+0000 in a key', withTime({ 'no\u0000te': 1 }), 'value.no\\u0000te'],
  ['a high surrogate alone', withTime({ note: '\ud83d' }), 'value.note'],
  ['a low surrogate alone', withTime({ note: '\ude00 ok' }), 'value.note'],
  ['surrogates the wrong way round', withTime({ note: '\ude00\ud83d' }), 'value.note'],
  ['a surrogate in a key', withTime({ '\udfff': 1 }), 'value.\\udfff'],
  ['U+0000 instead of a value', '\u0000', 'value'],
  ['a refused text of 1 MB', `MARKER-payload${'x'.repeat(MEGABYTE)}`, 'value'],
  [
    '1 MB that ends in U+0000',
    withTime({ note: `${'é'.repeat(MEGABYTE / 2)}\u0000` }),
    'value.note',
  ],
];

/** Value, and when it says the completion was made (default: when the event was). */
const TAKEN: [string, JsonValue, string?][] = [
  ['2^53', 2 ** 53],
  ['2^53 + 2', 2 ** 53 + 2],
  ['2^64', 2 ** 64],
  ['the largest double', Number.MAX_VALUE],
  ['the least double', -Number.MAX_VALUE],
  ['the smallest double', Number.MIN_VALUE],
  ['zero', 0],
  ['seconds', 1763553600],
  ['an object with seconds', { completedAt: 1763553600 }],
  ['microseconds', 1763553600000000],
  ['a time before 1970', -1],
  ['fractions of a millisecond', 1763553600000.5, '2025-11-19T12:00:00.000500Z'],
  ['47 hours ahead', 1763553600000 + 47 * 3_600_000, '2025-11-21T11:00:00.000000Z'],
  ['49 hours ahead', 1763553600000 + 49 * 3_600_000],
  ['the last millisecond of a JS date', 8.64e15],
  ['one after it', 8.64e15 + 1],
  ['text of the year 1', { completedAt: '0001-01-01T00:00:00Z' }],
  ['text of the year 9999', { completedAt: '9999-12-31T23:59:59.999999Z' }],
  ['no seconds', { completedAt: '2025-11-19T06:01Z' }, '2025-11-19T06:01:00.000000Z'],
  ['an offset', { completedAt: '2025-11-19T14:00:00+02:00' }, '2025-11-19T12:00:00.000000Z'],
  ['nanoseconds', { completedAt: '2025-11-19T11:59:59.999999999Z' }, '2025-11-19T11:59:59.999999Z'],
  ['emoji', withTime({ note: '💚👩‍❤️‍💋‍👩 \u202e' }), '2025-11-19T12:00:00.000000Z'],
  ['SQL text', withTime({ "'; drop table x; --": '$1 "q" \\' }), '2025-11-19T12:00:00.000000Z'],
  [
    'keys of every object',
    withTime({ constructor: 1, toString: 2 }),
    '2025-11-19T12:00:00.000000Z',
  ],
  ['32 levels', withTime({ a: nested(27) }), '2025-11-19T12:00:00.000000Z'],
  ['1 MB', withTime({ note: 'é'.repeat(MEGABYTE / 2) }), '2025-11-19T12:00:00.000000Z'],
];

const mirror = mirrorOfFile();

const write = (after: JsonValue) =>
  completionEvent({ coupleId: COUPLE, userId: USER, after, time: EVENT_TIME });

describe.each(MODES)('in %s mode', (mode) => {
  test.each(REFUSED)('%s is refused by name', async (_name, after, field) => {
    const event = write(after);
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
    await expect(completions(mirror.database)).resolves.toEqual([]);
    const logged = await divergences(mirror.database);
    expect(logged).toEqual([
      expect.objectContaining({
        ref: event.ref,
        shard: COUPLE,
        key: expect.objectContaining({ user_id: USER }),
        kind: 'invalid_payload',
        severity: 'error',
        event_id: event.id,
      }),
    ]);
    expect(fieldsOf(logged[0])).toEqual([field]);
    expect(JSON.stringify(logged[0]?.rtdb_value).length).toBeLessThan(10_000);
  });

  test.each(TAKEN)('%s is mirrored exactly', async (_name, after, completedAt = EVENT_TIME) => {
    await expect(send(mirror.runtime.url, write(after), mode)).resolves.toBe(204);
    await expect(divergences(mirror.database)).resolves.toEqual([]);
    const rows = await completions(mirror.database);
    expect(rows).toEqual([
      expect.objectContaining({ payload: after, completed_at: completedAt, deleted_at: null }),
    ]);
  });

  test('an empty object is what RTDB calls nothing', async () => {
    await expect(send(mirror.runtime.url, write({}), mode)).resolves.toBe(204);
    const rows = await completions(mirror.database);
    expect(rows).toEqual([expect.objectContaining({ payload: null, deleted_at: EVENT_TIME })]);
  });
});

test('a number beyond every double is not taken for a deletion', async () => {
  const { data: _data, ...attributes } = write(true);
  const event = { ...attributes, data: { data: null, delta: 'NUMBER' } };
  const body = JSON.stringify(event).replace('"NUMBER"', '1e400');
  const headers = { 'content-type': 'application/cloudevents+json' };
  await expect(post(mirror.runtime.url, headers, body)).resolves.toBe(204);
  const rows = await completions(mirror.database);
  expect(rows.filter((row) => row.deleted_at !== null)).toEqual([]);
});

test('what was refused and mirrored is not in the logs', async () => {
  const event = write('MARKER-payload last');
  await expect(send(mirror.runtime.url, event)).resolves.toBe(204);
  await mirror.runtime.outcomeOf(String(event.id));
  const secrets = [
    'MARKER',
    'APA91b',
    mirror.database.url,
    new URL(mirror.database.url).password,
  ].filter(Boolean);
  expect(
    mirror.runtime.lines.filter((line) => secrets.some((secret) => line.includes(secret))),
  ).toEqual([]);
});
