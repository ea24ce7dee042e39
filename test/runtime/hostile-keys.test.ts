import { canonicalValue, isSameValue } from '../../functions/src/values/rtdb-value';
import {
  type CloudEvent,
  completionEvent,
  encodeHeader,
  type JsonValue,
  MODES,
  type Mode,
  post,
  send,
} from '../support/cloud-event';
import { mirrorOfFile } from '../support/mirror-runtime';
import { completions, divergences } from '../support/mirror-tables';
import { HOSTILE_KEYS, RtdbModel } from '../support/rtdb-model';

const mirror = mirrorOfFile();

/** That one has a meaning: its values here would be refused. */
const KEYS = HOSTILE_KEYS.filter((key) => key !== 'completedAt');

/** The writes of one leaf, in order: what is set, where below the leaf. */
const lifeOf = (key: string): [string[], unknown][] => [
  [[], [['completedAt', 1_763_553_600_000]]],
  [[key], true],
  [['note'], 'beside it'],
  [[key], 'overwritten'],
  [['nested', key, key], 1],
  [['nested', key, 'beside'], 2],
  [['nested', key, key], null],
  [['nested'], [[key, false]]],
  [[key], null],
  [
    [],
    [
      ['completedAt', 1_763_553_600_000],
      [key, 7],
    ],
  ],
  [[], null],
];

/** Delivers what RTDB would emit for a life, and compares the row after each event. */
async function play(key: string, coupleId: string, mode: Mode): Promise<void> {
  const rtdb = new RtdbModel();
  for (const [n, [path, value]] of lifeOf(key).entries()) {
    const data: JsonValue = JSON.parse(rtdb.export());
    const delta: JsonValue = JSON.parse(rtdb.set(path, value));
    const attributes = { data: { data, delta } };
    const time = `2025-11-19T12:00:${String(n).padStart(2, '0')}Z`;
    const event = completionEvent({ coupleId, time, attributes });
    await expect(send(mirror.runtime.url, event, mode)).resolves.toBe(204);
    const [row] = await mirror.database.query<{ payload: string | null }>(
      'select payload::text as payload from rtdb.quest_completions where couple_id = $1',
      [coupleId],
    );
    const shown = JSON.parse(row?.payload ?? 'null');
    expect({ key, n, same: isSameValue(canonicalValue(shown), stored(rtdb)) }).toEqual({
      key,
      n,
      same: true,
    });
  }
}

/** Delivers an event with its data as text: JSON.stringify would exhaust the stack as well. */
function sendText(event: CloudEvent, data: string, mode: Mode): Promise<number> {
  const { data: _data, datacontenttype: _type, ...attributes } = event;
  if (mode === 'structured') {
    const body = `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}`;
    return post(mirror.runtime.url, { 'content-type': 'application/cloudevents+json' }, body);
  }
  const headers = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encodeHeader(String(value))]),
  );
  return post(mirror.runtime.url, { ...headers, 'content-type': 'application/json' }, data);
}

const stored = (rtdb: RtdbModel) => canonicalValue(JSON.parse(rtdb.export()));

describe.each(MODES)('in %s mode', (mode) => {
  test('a field of any name is mirrored when set, changed, nested and removed', async () => {
    await Promise.all(KEYS.map((key, n) => play(key, `alice_${n}`, mode)));
    await expect(divergences(mirror.database)).resolves.toEqual([]);
  }, 60_000);

  test('a late event brings such fields into its divergence row', async () => {
    const payload = JSON.parse('{"completedAt":1763553600000,"hasOwnProperty":true,"__proto__":1}');
    const newer = completionEvent({ after: payload, time: '2025-11-19T13:00:00Z' });
    const older = completionEvent({ after: true, time: '2025-11-19T12:00:00Z' });
    await expect(send(mirror.runtime.url, newer, mode)).resolves.toBe(204);
    await expect(send(mirror.runtime.url, older, mode)).resolves.toBe(204);
    const [row] = await divergences(mirror.database);
    expect(row).toMatchObject({ kind: 'out_of_order', rtdb_value: true });
    expect(JSON.stringify(row?.postgres_value)).toContain('"__proto__":1');
  });

  test.each([
    ['deeper than RTDB nests', 33],
    ['so deep that walking it exhausts the stack', 20_000],
  ])('a value %s is refused once, and acknowledged', async (_name, levels) => {
    const body = `{"data":null,"delta":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;
    const event = completionEvent();
    await expect(sendText(event, body, mode)).resolves.toBe(204);
    const logged = await divergences(mirror.database);
    expect(logged).toMatchObject([{ kind: 'invalid_payload', cause: 'rejected' }]);
    await expect(completions(mirror.database)).resolves.toEqual([]);
    const line = await mirror.runtime.outcomeOf(String(event.id));
    expect(line).toMatchObject({ outcome: 'rejected' });
  });
});
