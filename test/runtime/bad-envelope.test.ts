import {
  type CloudEvent,
  completionEvent,
  type JsonValue,
  MODES,
  post,
  send,
} from '../support/cloud-event';
import { mirrorOfFile } from '../support/mirror-runtime';
import { completions, divergences, fieldsOf } from '../support/mirror-tables';

const mirror = mirrorOfFile();

const TIME = '2025-11-19T12:00:00.123456Z';

type Attributes = Record<string, JsonValue | undefined>;

/** An event with attributes replaced; `undefined` leaves one out. */
const eventWith = (attributes: Attributes) => completionEvent({ attributes });

function withoutType(event: CloudEvent): CloudEvent {
  return { ...event, data: { data: null, delta: true } };
}

const TAKEN: [string, Attributes, string?][] = [
  ['no subject', { subject: undefined }],
  ['no authtype', { authtype: undefined, authid: undefined }],
  ['authtype unknown', { authtype: 'unknown' }],
  ['authtype admin', { authtype: 'admin' }],
  ['authtype unauthenticated', { authtype: 'unauthenticated' }],
  ['an authtype of tomorrow', { authtype: 'passkey', authid: 'x'.repeat(300) }],
  ['no location', { location: undefined }],
  ['no instance and no host', { instance: undefined, firebasedatabasehost: undefined }],
  ['an attribute of tomorrow', { tracestate: 'a=1', somethingnew: 'x' }],
  ['a ref that begins with a slash', { ref: `/${String(completionEvent().ref)}` }],
  ['a time without fraction', { time: '2025-11-19T12:00:00Z' }, '2025-11-19T12:00:00.000000Z'],
  ['milliseconds', { time: '2025-11-19T12:00:00.5Z' }, '2025-11-19T12:00:00.500000Z'],
  ['nanoseconds', { time: '2025-11-19T12:00:00.123456789Z' }, '2025-11-19T12:00:00.123456Z'],
  [
    'nanoseconds at the end of a second',
    { time: '2025-12-31T23:59:59.999999999Z' },
    '2025-12-31T23:59:59.999999Z',
  ],
  ['an offset', { time: '2025-11-19T14:00:00.25+02:00' }, '2025-11-19T12:00:00.250000Z'],
  ['a time of the year 1', { time: '0001-01-01T00:00:00Z' }, '0001-01-01T00:00:00.000000Z'],
  [
    'a time of the year 9999',
    { time: '9999-12-31T23:59:59.999999Z' },
    '9999-12-31T23:59:59.999999Z',
  ],
  ['an id of 1,000 characters', { id: 'x'.repeat(1_000) }],
  ['an id that is a path and quotes', { id: `projects/_/events/'"; --` }],
];

const REFUSED: [string, Attributes, string][] = [
  ['no time', { time: undefined }, 'time'],
  ['a time in words', { time: 'yesterday' }, 'time'],
  ['a time on no day', { time: '2025-02-30T12:00:00Z' }, 'time'],
  ['a time after the year 9999', { time: '+275760-09-13T00:00:00Z' }, 'time'],
  ['a time before the year 1', { time: '-0001-01-01T00:00:00Z' }, 'time'],
  ['the time infinity', { time: 'infinity' }, 'time'],
  ['a ref of the day', { ref: 'daily_quests/alice_bob_smith/2025-11-19' }, 'ref'],
  ['a ref too deep', { ref: `${String(completionEvent().ref)}/completedAt` }, 'ref'],
  ['a ref of somebody else', { ref: 'lp_awards/alice/2025-11-19/completions/q/alice' }, 'ref'],
  ['an empty segment', { ref: 'daily_quests/a_b/2025-11-19/completions//a' }, 'ref'],
];

describe.each(MODES)('in %s mode', (mode) => {
  test.each(TAKEN)('an event with %s is mirrored', async (_name, attributes, eventTime = TIME) => {
    const event = eventWith(attributes);
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
    await expect(divergences(mirror.database)).resolves.toEqual([]);
    const expected = { event_time: eventTime, payload: true };
    await expect(completions(mirror.database)).resolves.toEqual([
      expect.objectContaining(expected),
    ]);
  });

  test('an event whose data has no @type is mirrored', async () => {
    await expect(send(mirror.runtime.url, withoutType(completionEvent()), mode)).resolves.toBe(204);
    await expect(completions(mirror.database)).resolves.toHaveLength(1);
  });

  test.each(REFUSED)('an event with %s is refused by name', async (_name, attributes, field) => {
    await expect(send(mirror.runtime.url, eventWith(attributes), mode)).resolves.toBe(204);
    await expectRefusal(field);
  });

  test.each<[string, JsonValue | undefined]>([
    ['no data', undefined],
    ['data that is a list', [true]],
  ])('an event with %s is refused by name', async (_name, data) => {
    await expect(send(mirror.runtime.url, eventWith({ data }), mode)).resolves.toBe(204);
    await expectRefusal('data');
  });

  test.each<[string, JsonValue]>([
    ['empty data', {}],
    ['data of something else', { message: { attributes: {} } }],
  ])('an event with %s is no deletion of a completion', async (_name, data) => {
    await expect(send(mirror.runtime.url, completionEvent(), mode)).resolves.toBe(204);
    const event = completionEvent({ time: '2025-11-19T13:00:00Z', attributes: { data } });
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
    const live = { payload: true, deleted_at: null };
    await expect(completions(mirror.database)).resolves.toEqual([expect.objectContaining(live)]);
  });
});

async function expectRefusal(field: string): Promise<void> {
  await expect(completions(mirror.database)).resolves.toEqual([]);
  const logged = await divergences(mirror.database);
  const expected = { kind: 'invalid_payload', cause: 'rejected', times_seen: 1 };
  expect(logged).toEqual([expect.objectContaining(expected)]);
  expect(fieldsOf(logged[0])).toEqual([field]);
}

/** What binary headers can't leave out without being no CloudEvent at all. */
test.each<[string, Attributes, string]>([
  ['no id', { id: undefined }, 'id'],
  ['an empty id', { id: '' }, 'id'],
  ['an id that is a number', { id: 17 }, 'id'],
  ['an id with U+0000', { id: 'a\u0000' }, 'id'],
  ['no ref', { ref: undefined, subject: undefined }, 'ref'],
  ['a ref that is a list', { ref: ['daily_quests'] }, 'ref'],
  ['a ref that is a number', { ref: 7 }, 'ref'],
  ['data null, which a binary body cannot say', { data: null }, 'data'],
  ['a time that is a number', { time: 1763553600000 }, 'time'],
])('a structured event with %s is refused by name', async (_name, attributes, field) => {
  await expect(send(mirror.runtime.url, eventWith(attributes), 'structured')).resolves.toBe(204);
  await expectRefusal(field);
});

test.each<[string, Attributes]>([
  ['authtype', { authtype: 5, authid: ['alice'] }],
  ['instance', { instance: 5, firebasedatabasehost: null, location: 3 }],
])('a structured event whose %s is no text is mirrored all the same', async (_name, attributes) => {
  await expect(send(mirror.runtime.url, eventWith(attributes), 'structured')).resolves.toBe(204);
  await expect(completions(mirror.database)).resolves.toHaveLength(1);
});

test('without datacontenttype the escapes of a ref are decoded: so binary events come', async () => {
  const event = completionEvent({
    questId: 'a%20b',
    attributes: { datacontenttype: undefined },
  });
  await expect(send(mirror.runtime.url, event, 'structured')).resolves.toBe(204);
  const rows = await completions(mirror.database);
  expect(rows.map((row) => row.quest_id)).toEqual(['a b']);
});

test('an event that came as a Pub/Sub message, since no header holds its ref, is mirrored', async () => {
  const event = completionEvent({ coupleId: 'alice_bob ', userId: 'bob ' });
  await expect(sendAsMessage(event)).resolves.toBe(204);
  await expect(sendAsMessage(event)).resolves.toBe(204);
  await expect(divergences(mirror.database)).resolves.toEqual([]);
  await expect(completions(mirror.database)).resolves.toEqual([
    expect.objectContaining({ user_id: 'bob ', partner_id: 'alice', event_id: event.id }),
  ]);
});

test.each<[string, string | undefined]>([
  ['no data', undefined],
  ['data that is no JSON', Buffer.from('{"data":').toString('base64')],
])('a Pub/Sub message with %s is refused by name', async (_name, data) => {
  await expect(sendAsMessage(completionEvent(), data ?? '')).resolves.toBe(204);
  await expectRefusal('data');
});

/** As Pub/Sub pushes what Eventarc could not put into headers. */
function sendAsMessage(event: CloudEvent, base64?: string): Promise<number> {
  const { data, datacontenttype, ...attributes } = event;
  const entries = Object.entries({ ...attributes, datacontenttype });
  const message = {
    messageId: '17',
    publishTime: '2025-11-19T12:00:01Z',
    attributes: Object.fromEntries(entries.map(([name, value]) => [`ce-${name}`, String(value)])),
    // Never empty: functions-framework would not take it for a message.
    data:
      base64 === undefined ? Buffer.from(JSON.stringify(data)).toString('base64') : base64 || '-',
  };
  const body = JSON.stringify({ message, subscription: 'projects/demo-quests/subscriptions/s' });
  return post(mirror.runtime.url, { 'content-type': 'application/json' }, body);
}

test.each(['[]', '{}'])(
  'a structured body of %s is refused, and does not come again',
  async (body) => {
    const headers = { 'content-type': 'application/cloudevents+json' };
    await expect(post(mirror.runtime.url, headers, body)).resolves.toBe(204);
    await expect(divergences(mirror.database)).resolves.toHaveLength(1);
  },
);

test.each([
  ['nothing', '', 'application/json'],
  ['bytes', '\u0001\u0002', 'application/octet-stream'],
])('a binary event with a body of %s does not come again', async (_name, body, type) => {
  const { data: _data, datacontenttype: _type, ...attributes } = completionEvent();
  const headers = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]),
  );
  const answer = post(mirror.runtime.url, { ...headers, 'content-type': type }, body);
  await expect(answer).resolves.toBe(204);
  await expectRefusal('data');
});
