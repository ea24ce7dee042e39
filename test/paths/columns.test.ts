import fc from 'fast-check';
import {
  bigint,
  boolean,
  type Column,
  count,
  double,
  holdColumn,
  instant,
  integer,
  json,
  type RtdbView,
  text,
} from '../../functions/src/paths/columns';
import { canonicalValue } from '../../functions/src/values/rtdb-value';
import { hostileKey } from '../support/rtdb-model';

const CONTEXT = { key: { coupleId: 'c' }, eventTime: '2025-11-20T00:00:00.000000Z' };

const DRIFT = Symbol('drift');

/** What a column makes of a value that JSON can hold. */
function show(column: Column, value: unknown): unknown {
  const held = holdColumn(column, canonicalValue(value) as unknown as RtdbView, CONTEXT);
  return held.holds ? held.value : DRIFT;
}

/** What a column makes of whatever a team's function returns. */
const showReturned = (column: (read: () => unknown) => Column, returned: unknown) =>
  show(
    column(() => returned),
    {},
  );

const TYPES = { text, integer, bigint, double, boolean, instant, json, count };

test('the types are those that Postgres spells', () => {
  const types = Object.entries(TYPES).map(([name, of]) => [name, of((v) => v).type]);
  expect(Object.fromEntries(types)).toEqual({
    ...{ text: 'text', integer: 'integer', bigint: 'bigint', double: 'double precision' },
    ...{ boolean: 'boolean', instant: 'timestamp with time zone', json: 'jsonb', count: 'integer' },
  });
});

describe.each(Object.entries(TYPES))('%s', (_name, of) => {
  const field = of((v) => v.a?.b);

  test.each([
    ['a field that is missing', { other: 1 }],
    ['a node above it that is missing', {}],
    ['a scalar where a node was expected', true],
    ['text there', 'a'],
    ['a number there', 5],
    ['a list there', [1, 2]],
    ['what RTDB drops', { a: { b: null } }],
    ['an empty node', { a: { b: {} } }],
  ])('shows nothing for %s, and that is no drift', (_case, value) => {
    expect(show(field, value)).toBeNull();
  });

  test('shows nothing where its function throws', () => {
    const fail = () => {
      throw new Error('a.b');
    };
    expect(show(of(fail), { a: 1 })).toBeNull();
    // As it does without `?.`
    expect(
      show(
        of((v) => (v as { a: { b: unknown } }).a.b),
        {},
      ),
    ).toBeNull();
  });

  test.each(['constructor', 'toString', 'hasOwnProperty', 'at', 'map', 'bold'])(
    'takes nothing from JavaScript for the field %s that is not there',
    (name) => {
      const inherited = of((v) => v[name]);
      for (const value of [{ other: 1 }, [1, 2], 'text', 5, true]) {
        expect(show(inherited, value)).toBeNull();
      }
    },
  );

  test('never throws, whatever its function returns', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const odd = [
      Number.NaN,
      1 / 0,
      -0,
      1n,
      Symbol('s'),
      () => 1,
      new Date(0),
      new Date(Number.NaN),
    ];
    for (const returned of [...odd, cycle, new Map([[1, 2]]), [undefined], '\ud83d', 'a\u0000']) {
      const shown = showReturned(of, returned);
      // What it shows has to pass through JSON and into Postgres.
      if (shown !== DRIFT) expect(JSON.stringify(shown)).not.toMatch(/\\u0000|\\ud83d/);
    }
    fc.assert(fc.property(fc.anything(), (returned) => void showReturned(of, returned)));
  });
});

test.each<[string, Column, [unknown, unknown][]]>([
  [
    'text',
    text((v) => v.f),
    [
      ['', ''],
      ['💚 it\u2019s', '💚 it\u2019s'],
      // A local time is no instant: it stays what it is.
      ['2025-11-18T08:16:02.506534', '2025-11-18T08:16:02.506534'],
      [5, DRIFT],
      [true, DRIFT],
      [['a'], DRIFT],
      [{ a: 1 }, DRIFT],
    ],
  ],
  [
    'integer',
    integer((v) => v.f),
    [
      [0, 0],
      [-2_147_483_648, -2_147_483_648],
      [2_147_483_647, 2_147_483_647],
      [2_147_483_648, DRIFT],
      [-2_147_483_649, DRIFT],
      [3e9, DRIFT],
      [1.5, DRIFT],
      [1e300, DRIFT],
      ['10000', DRIFT],
      [true, DRIFT],
    ],
  ],
  [
    'bigint',
    bigint((v) => v.f),
    [
      [3e9, 3e9],
      [2 ** 53 - 1, 2 ** 53 - 1],
      [2 ** 53, DRIFT],
      [0.1, DRIFT],
      ['1', DRIFT],
    ],
  ],
  [
    'double precision',
    double((v) => v.f),
    [
      [0.1, 0.1],
      [1e308, 1e308],
      [5e-324, 5e-324],
      ['1', DRIFT],
      [false, DRIFT],
    ],
  ],
  [
    'boolean',
    boolean((v) => v.f),
    [
      [true, true],
      [false, false],
      [0, DRIFT],
      ['true', DRIFT],
    ],
  ],
  [
    'instant',
    instant((v) => v.f),
    [
      [1_763_618_980_123, '2025-11-20T06:09:40.123000Z'],
      [1_763_618_980_123.25, '2025-11-20T06:09:40.123250Z'],
      [100_000_000_000, '1973-03-03T09:46:40.000000Z'],
      [253_402_300_799_999, '9999-12-31T23:59:59.999000Z'],
      // Seconds, and what a phone has that knows no time.
      [1_763_618_980, DRIFT],
      [0, DRIFT],
      [-1, DRIFT],
      [253_402_300_800_000, DRIFT],
      ['2025-11-20T06:09:40Z', '2025-11-20T06:09:40.000000Z'],
      ['2025-11-20T08:09:40.123456+02:00', '2025-11-20T06:09:40.123456Z'],
      ['2025-11-20T08:09+0200', '2025-11-20T06:09:00.000000Z'],
      // Without a zone nobody knows when that was.
      ['2025-11-20T06:09:40', DRIFT],
      ['2025-11-20T06:09:40.123456', DRIFT],
      ['2025-11-20', DRIFT],
      ['2025-02-30T00:00:00Z', DRIFT],
      ['0000-01-01T00:00:00Z', DRIFT],
      ['infinity', DRIFT],
      ['now', DRIFT],
      ['1763618980123', DRIFT],
      [8.64e15, DRIFT],
      [1e300, DRIFT],
      [true, DRIFT],
      [{ '.sv': 'timestamp' }, DRIFT],
    ],
  ],
  [
    'jsonb',
    json((v) => v.f),
    [
      [{ a: [1, null, 'b'] }, { a: [1, null, 'b'] }],
      [
        [0, 1],
        [0, 1],
      ],
      ['text', 'text'],
      [false, false],
      [1e300, 1e300],
    ],
  ],
  [
    'a count',
    count((v) => v.f),
    [
      [['a', 'b'], 2],
      [['a', null, 'b'], 2],
      [{ first: 1, second: 2, third: { a: 1 } }, 3],
      [{ 7: 'a', 9: 'b' }, 2],
      ['ab', DRIFT],
      [5, DRIFT],
      [true, DRIFT],
    ],
  ],
])('what %s holds, and what is a drift', (_name, column, cases) => {
  const shown = cases.map(([value]) => [value, show(column, { f: value })]);
  expect(shown).toEqual(cases);
});

test('half of an emoji that a column cut off is a drift, in text and in jsonb', () => {
  const half = '💚'.slice(0, 1);
  expect(showReturned(text, half)).toBe(DRIFT);
  expect(showReturned(json, [half])).toBe(DRIFT);
  expect(showReturned(json, { [half]: 1 })).toBe(DRIFT);
  expect(showReturned(json, { a: 'b\u0000' })).toBe(DRIFT);
});

test('a field of any name is found where the value has it', () => {
  fc.assert(
    fc.property(hostileKey, fc.integer(), (name, number) => {
      const value = JSON.parse(`{${JSON.stringify(name)}: ${number}, "beside": 1}`);
      expect([
        name,
        show(
          integer((v) => v[name]),
          value,
        ),
      ]).toEqual([name, number]);
    }),
  );
});

test('a column sees the key and the time of the write', () => {
  expect(
    show(
      text((_, { key }) => key.coupleId),
      true,
    ),
  ).toBe('c');
  expect(
    show(
      instant((_, { eventTime }) => eventTime),
      true,
    ),
  ).toBe(CONTEXT.eventTime);
});
