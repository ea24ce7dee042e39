import fc from 'fast-check';
import {
  instantOfMillis,
  isRealDate,
  normalizeInstant,
} from '../../functions/src/values/event-time';

describe('normalizeInstant brings every form of one instant to one text', () => {
  test.each([
    ['2025-11-19T12:00:00Z', '2025-11-19T12:00:00.000000Z'],
    ['2025-11-19T12:00:00.5Z', '2025-11-19T12:00:00.500000Z'],
    ['2025-11-19T12:00:00.123456Z', '2025-11-19T12:00:00.123456Z'],
    ['2025-11-19T12:00:00.123456789Z', '2025-11-19T12:00:00.123456Z'],
    ['2025-11-19T23:59:59.999999999Z', '2025-11-19T23:59:59.999999Z'],
    ['2025-11-19T13:30:00.25+01:30', '2025-11-19T12:00:00.250000Z'],
    ['2025-11-19T13:30:00+0130', '2025-11-19T12:00:00.000000Z'],
    ['2025-11-19T12:00:00', '2025-11-19T12:00:00.000000Z'],
    ['2025-11-19T12:00Z', '2025-11-19T12:00:00.000000Z'],
    ['2025-11-19t12:00:00z', '2025-11-19T12:00:00.000000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000000Z'],
  ])('%s', (text, expected) => {
    expect(normalizeInstant(text)).toBe(expected);
  });

  test.each([
    '',
    'yesterday',
    '2025-11-19',
    '2025-02-30T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-11-19T25:00:00Z',
    '2025-11-19T12:00:61Z',
    '2025-11-19T12:60:00Z',
    '2025-11-19T12:00:00+25:00',
    '2025-11-00T12:00:00Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '+12025-11-19T12:00:00Z',
    '2025-11-19T12:00:00Z; drop table x',
  ])('refuses %j', (text) => {
    expect(normalizeInstant(text)).toBeNull();
  });
});

describe('instantOfMillis', () => {
  test.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [1763553600000, '2025-11-19T12:00:00.000000Z'],
    [1763553600000.25, '2025-11-19T12:00:00.000250Z'],
    [-1, '1969-12-31T23:59:59.999000Z'],
  ])('%d', (ms, expected) => {
    expect(instantOfMillis(ms)).toBe(expected);
  });

  test.each([8.64e15, 2 ** 53 + 2, 1e308, -1e308])('%d is no date', (ms) => {
    expect(instantOfMillis(ms)).toBeNull();
  });
});

test.each([
  ['2025-11-19', true],
  ['2024-02-29', true],
  ['2025-02-29', false],
  ['2025-11-31', false],
  ['2025-1-1', false],
  ['0000-01-01', false],
  ['2000-02-29', true],
  ['2100-02-29', false],
  ['0000-02-29', false],
  ['2025-11-19T00', false],
  ['2025012-11-19', false],
  ['today', false],
])('isRealDate(%j) is %s', (text, expected) => {
  expect(isRealDate(text)).toBe(expected);
});

const twoDigits = (most: number) => fc.nat(most).map((n) => String(n).padStart(2, '0'));

test('a date is real if it is what the calendar makes of its numbers', () => {
  const parts = fc.tuple(fc.nat(9_999), twoDigits(13), twoDigits(32));
  fc.assert(
    fc.property(parts, ([year, month, day]) => {
      const text = `${String(year).padStart(4, '0')}-${month}-${day}`;
      const date = new Date(`${text}T00:00:00Z`);
      const isInCalendar = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
      expect(isRealDate(text)).toBe(isInCalendar && year > 0);
    }),
    { numRuns: 500 },
  );
});

test('an offset moves the instant, and leaves what is below a second', () => {
  const offset = fc.tuple(fc.constantFrom('+', '-'), twoDigits(23), twoDigits(59));
  const epochMs = fc.integer({ min: Date.UTC(2, 0), max: Date.UTC(9_990, 0) });
  fc.assert(
    fc.property(epochMs, offset, fc.constantFrom(':', ''), (ms, [sign, hours, minutes], colon) => {
      const local = new Date(ms).toISOString().slice(0, -1);
      const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
      const utc = new Date(ms - (sign === '+' ? offsetMs : -offsetMs)).toISOString().slice(0, -1);
      const text = `${local}999${sign}${hours}${colon}${minutes}`;
      expect(normalizeInstant(text)).toBe(`${utc}999Z`);
    }),
  );
});
