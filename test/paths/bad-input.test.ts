import { fieldOf } from '../app/support/expected-columns';
import type { JsonValue } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorPathOn, type TestMirror } from '../support/mirror';
import { divergences, fieldsOf } from '../support/mirror-tables';
import { HOSTILE_KEYS } from '../support/rtdb-model';
import { appValueOf, PATHS_OF_APP, refOf, writeAt } from './support/path-events';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

function nested(levels: number): JsonValue {
  return levels === 0 ? 1 : { deeper: nested(levels - 1) };
}

const LONG = `${'x'.repeat(765)}💚`;

/** A completion is refused without a time, so that the rest is tried with one. */
const document = (fields: { [key: string]: JsonValue }) => ({
  completedAt: 1_763_553_600_000,
  ...fields,
});

describe.each(PATHS_OF_APP)('$name', (mirrored) => {
  const { name, columns } = mirrored;
  const isCompletions = name === 'quest_completions';
  const ref = refOf(mirrored);
  const neighbours = ['a_neighbour', 'z_neighbour'].map((key) => refOf(mirrored, key));
  let under: TestMirror;

  beforeAll(() => {
    under = mirrorPathOn(mirrored, database.url, () => null);
  });

  beforeEach(() => database.query(`truncate rtdb.${name}, mirror.divergence_log`));

  afterAll(() => under.store.close());

  const liveRows = () =>
    database.query<{ row: { [column: string]: JsonValue } }>(
      `select to_jsonb(t) as row from rtdb.${name} as t
       where deleted_at is null order by couple_id collate "C"`,
    );

  /** Sends an event between two of its neighbours, which no event may ever touch. */
  const mirrorAmong = async (event: ReturnType<typeof writeAt>) => {
    const [before = '', after = ''] = neighbours;
    const value = appValueOf(mirrored);
    const outcomes = await Promise.all(
      [writeAt(before, value), event, writeAt(after, value)].map((each) => under.mirror(each)),
    );
    expect([outcomes[0], outcomes[2]]).toMatchObject([
      { outcome: 'applied' },
      { outcome: 'applied' },
    ]);
    return outcomes[1];
  };

  const REFUSED: [string, () => ReturnType<typeof writeAt>, string][] = [
    ['its parent', () => writeAt(ref.split('/').slice(0, -1).join('/'), true), 'ref'],
    ['a child of it', () => writeAt(`${ref}/child`, true), 'ref'],
    ['another tree', () => writeAt(`x${ref}`, true), 'ref'],
    ['no ref', () => writeAt('', true), 'ref'],
    ['a key of 769 bytes', () => writeAt(refOf(mirrored, LONG), appValueOf(mirrored)), 'coupleId'],
    [
      'U+0000 in a key',
      () => writeAt(refOf(mirrored, 'a\u0000'), appValueOf(mirrored)),
      'coupleId',
    ],
    ['U+0000', () => writeAt(ref, document({ note: 'a\u0000b' })), 'value.note'],
    ['U+0000 in a list', () => writeAt(ref, document({ a: ['', '\u0000'] })), 'value.a.1'],
    ['a lone surrogate', () => writeAt(ref, document({ note: '\ud83d' })), 'value.note'],
    ['U+0000 in a field’s name', () => writeAt(ref, document({ 'a\u0000': 1 })), 'value.a\\u0000'],
    ['half a pair in one', () => writeAt(ref, document({ '\udfff': 1 })), 'value.\\udfff'],
    ['33 levels', () => writeAt(ref, nested(33)), 'value'],
    ['no id', () => writeAt(ref, appValueOf(mirrored), { id: '' }), 'id'],
    ['no time', () => writeAt(ref, appValueOf(mirrored), { time: 'now' }), 'time'],
    ['no data', () => writeAt(ref, appValueOf(mirrored), { hasData: false }), 'data'],
  ];

  test.each(REFUSED)('%s is refused in one row that names it', async (_case, event, field) => {
    const outcome = await mirrorAmong(event());
    expect(outcome?.outcome).toBe('rejected');
    const logged = await divergences(database);
    expect(logged).toMatchObject([
      { path: name, kind: 'invalid_payload', cause: 'rejected', severity: 'error', times_seen: 1 },
    ]);
    expect([...new Set(fieldsOf(logged[0]))]).toContain(field);
    expect((await liveRows()).map(({ row }) => row.payload)).toEqual([
      appValueOf(mirrored),
      appValueOf(mirrored),
    ]);
  });

  test('a value before the write that could never be stored refuses nothing', async () => {
    const event = writeAt(ref, appValueOf(mirrored), { before: document({ note: '\ud83d' }) });
    expect(await mirrorAmong(event)).toMatchObject({ outcome: 'applied' });
    expect(await liveRows()).toHaveLength(3);
  });

  const OTHER_TYPES: [string, JsonValue][] = [
    ['text', 'of another kind'],
    ['a list', ['of', 'text']],
    ['a map', { of: 'text' }],
    ...(isCompletions
      ? []
      : ([
          ['a number', 5],
          ['true', true],
        ] as [string, JsonValue][])),
    ...(isCompletions ? [] : ([['false', false]] as [string, JsonValue][])),
  ];

  test.each(OTHER_TYPES)(
    isCompletions
      ? 'of another type is refused: %s'
      : 'of another type is mirrored all the same: %s',
    async (_case, value) => {
      const outcome = await mirrorAmong(writeAt(ref, value));
      const rows = await liveRows();
      if (isCompletions) {
        expect(outcome).toMatchObject({ outcome: 'rejected' });
        expect(rows).toHaveLength(2);
        return;
      }
      expect(outcome).toMatchObject({ outcome: 'applied' });
      expect(rows).toHaveLength(3);
      const row = rows.map((each) => each.row).find(({ couple_id }) => couple_id === 'alice_bob');
      expect(row?.payload).toEqual(value);
      const shown = Object.keys(columns).filter((column) => row?.[column] !== null);
      const isCounted = name === 'daily_quests' && typeof value === 'object';
      expect(shown).toEqual(isCounted ? ['quest_count'] : []);
    },
  );

  test('fields with hostile names are mirrored as they are', async () => {
    // With one beside it: `{"0": 1}` alone is a list in RTDB.
    const fields = HOSTILE_KEYS.map((key) => JSON.stringify(key)).map(
      (key) => `${key}: {${key}: 1, "beside": 2}`,
    );
    const text = `{${fields}, "completedAt": 1763553600000}`;
    expect(await mirrorAmong(writeAt(ref, JSON.parse(text)))).toMatchObject({ outcome: 'applied' });
    const stored = await database.query(
      `select payload = $1::jsonb as same from rtdb.${name} where couple_id = 'alice_bob'`,
      [text],
    );
    expect(stored).toEqual([{ same: true }]);
    expect(await divergences(database)).toEqual([]);
  });

  if (!isCompletions) {
    test('what a column can’t hold is null, and one warning a column', async () => {
      const drifting = mirrorPathOn(mirrored, database.url, () => null);
      const fields = Object.keys(columns).map((column) => [fieldOf(name, column), { odd: true }]);
      // The one column of the day's quests counts what isn't there.
      const value = name === 'daily_quests' ? 'no list' : Object.fromEntries(fields);
      const refs = [ref, refOf(mirrored, 'carol_dave')];
      for (const each of refs) await drifting.mirror(writeAt(each, value));
      await drifting.store.close();
      const rows = await liveRows();
      expect(rows.map(({ row }) => row.payload)).toEqual([value, value]);
      for (const { row } of rows) {
        expect(Object.keys(columns).filter((column) => row[column] !== null)).toEqual([]);
      }
      const logged = await divergences(database);
      expect(logged.map(({ detail }) => detail.column)).toEqual(Object.keys(columns).toSorted());
      for (const row of logged) {
        expect(row).toMatchObject({
          ...{ kind: 'value_drift', cause: 'unknown', severity: 'warning', times_seen: 1 },
          ...{ shard: null, key: null, ref: `${mirrored.ref}#${row.detail.column}` },
          detail: { type: columns[String(row.detail.column)], latest_ref: ref },
        });
      }
    });
  }
});
