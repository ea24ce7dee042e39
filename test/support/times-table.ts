/**
 * Dates and times that phones might write, and what becomes of them. Four read this one table: the
 * parser (test/unit/times.test.ts), the API (test/api/times.test.ts), database.rules.json
 * (test/rules/times.test.ts), and docs/client.md (test/unit/times.test.ts).
 */

/** `{day}` stands for a date that is true today. */
export interface TimeCase {
  text: string;
  /** The same instant in UTC; null: refused; 'event': taken, but no sane time. */
  utc: string | null;
  /** What docs/client.md says of it; left out there where nothing is said. */
  note?: string;
}

const taken = (text: string, utc: string, note?: string): TimeCase => ({ text, utc, note });
const refused = (text: string, note?: string): TimeCase => ({ text, utc: null, note });

export const TIMES: readonly TimeCase[] = [
  taken(
    '{day}T06:01:00.006',
    '{day}T06:01:00.006000Z',
    "Dart's `toIso8601String`, local: read as UTC",
  ),
  taken('{day}T06:01:00.006012', '{day}T06:01:00.006012Z', 'Dart, with microseconds'),
  taken('{day}T06:01:00.006Z', '{day}T06:01:00.006000Z', "JavaScript's `toISOString`, Dart in UTC"),
  taken('{day} 06:01:00.006', '{day}T06:01:00.006000Z', "Dart's `toString`"),
  taken('{day} 06:01Z', '{day}T06:01:00.000000Z'),
  taken('{day}T06:01:00Z', '{day}T06:01:00.000000Z', 'no fraction'),
  taken('{day}T06:01Z', '{day}T06:01:00.000000Z', 'no seconds'),
  taken('{day}T06:01', '{day}T06:01:00.000000Z', 'no seconds, local: read as UTC'),
  taken('{day}T06:01:00', '{day}T06:01:00.000000Z'),
  taken('{day}T08:01:00.25+02:00', '{day}T06:01:00.250000Z', 'a zone'),
  taken('{day}T08:01+02:00', '{day}T06:01:00.000000Z'),
  taken('{day}T02:01:00-04:00', '{day}T06:01:00.000000Z'),
  taken('{day}T11:46:00+05:45', '{day}T06:01:00.000000Z'),
  taken('{day}T20:01:00+14:00', '{day}T06:01:00.000000Z', 'the farthest zone'),
  taken('{day}T01:01:00-14:00', '{day}T15:01:00.000000Z'),
  taken('{day}T06:01:00-00:00', '{day}T06:01:00.000000Z'),
  taken('{day}T06:01:00.1Z', '{day}T06:01:00.100000Z'),
  taken(
    '{day}T06:01:00.123456789Z',
    '{day}T06:01:00.123456Z',
    'nine digits at most; kept to the microsecond',
  ),
  taken('{day}T00:00:00Z', '{day}T00:00:00.000000Z'),
  taken('2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000000Z', 'a leap day'),
  taken('2000-02-29T12:00:00Z', '2000-02-29T12:00:00.000000Z'),
  taken('2025-01-31T12:00:00Z', '2025-01-31T12:00:00.000000Z'),
  taken('2025-04-30T12:00:00Z', '2025-04-30T12:00:00.000000Z'),
  taken('2025-12-31T23:59:59.999999999Z', '2025-12-31T23:59:59.999999Z'),
  taken('2569-11-20T06:01:00Z', 'event', "another calendar's year"),
  taken('1405-08-29T06:01:00Z', 'event'),
  taken('0008-11-20T06:01:00Z', 'event'),
  taken('1970-01-21T09:52:33Z', 'event', 'before 1973'),
  taken('0001-01-01T00:00:00+14:00', 'event'),
  taken('9999-12-31T23:59:59-14:00', 'event'),
  refused('{day}t06:01:00z', 'small letters'),
  refused('{day}T06:01:00z'),
  refused('{day}T06:01:00,006Z', 'a comma'),
  refused('{day}T06:01:00.Z'),
  refused('{day}T06:01:00.1234567890Z', 'ten digits'),
  refused('{day}  06:01:00Z'),
  refused('{day}06:01:00Z'),
  refused('{day}\t06:01:00Z'),
  refused('{day}_06:01:00Z'),
  refused('{day}T06Z'),
  refused('{day}T6:01:00Z'),
  refused('{day}T06:1:00Z'),
  refused('{day}T060100Z', 'no colons'),
  refused('{day}T24:00:00Z', 'hour 24'),
  refused('{day}T25:00:00Z'),
  refused('{day}T06:60:00Z'),
  refused('{day}T23:59:60Z', 'second 60'),
  refused('{day}T06:01:61Z'),
  refused('{day}T06:01:00+0200', 'a zone without its colon'),
  refused('{day}T06:01:00+02'),
  refused('{day}T06:01:00+14:01', 'a zone that does not exist'),
  refused('{day}T06:01:00-15:00'),
  refused('{day}T06:01:00+99:99'),
  refused('{day}T06:01:00+05:60'),
  refused('{day}T06:01:00 Z'),
  refused('{day}T06:01:00ZZ'),
  refused('{day}T06:01:00[Europe/Berlin]'),
  refused('{day}T06:01:00Z\n'),
  refused(' {day}T06:01:00Z'),
  refused('{day}T06:01:00Z\u0000'),
  refused('{day}', 'a date alone'),
  refused('{day}T'),
  refused('2025-02-29T12:00:00Z', 'no such day'),
  refused('2025-02-30T12:00:00Z'),
  refused('2025-02-31T12:00:00Z'),
  refused('2100-02-29T12:00:00Z'),
  refused('1900-02-29T12:00:00Z'),
  refused('2025-04-31T12:00:00Z'),
  refused('2025-06-31T12:00:00Z'),
  refused('2025-09-31T12:00:00Z'),
  refused('2025-11-31T12:00:00Z'),
  refused('2025-01-32T12:00:00Z'),
  refused('2025-11-00T12:00:00Z'),
  refused('2025-00-10T12:00:00Z'),
  refused('2025-13-01T12:00:00Z'),
  refused('0000-01-01T00:00:00Z', 'year 0'),
  refused('0000-02-29T00:00:00Z'),
  refused('+12025-11-19T12:00:00Z'),
  refused('-2025-11-19T12:00:00Z'),
  refused('25-11-19T12:00:00Z'),
  refused('2025-1-1T12:00:00Z'),
  refused('20251119T120000Z'),
  refused('2025-W47-3T12:00:00Z'),
  refused('19.11.2025 12:00'),
  refused('1763553600000', 'digits in a text'),
  refused('Wed, 19 Nov 2025 12:00:00 GMT'),
  refused('٢٠٢٥-١١-١٩T12:00:00Z', 'other digits'),
  refused('２０２５-11-19T12:00:00Z'),
  refused('now'),
  refused(''),
];

export interface NumberCase {
  value: number;
  utc: string;
  note?: string;
}

/** Numbers are never refused; those that are no sane time leave it to the write's. */
export const NUMBERS: readonly NumberCase[] = [
  { value: 1763553600000, utc: '2025-11-19T12:00:00.000000Z', note: 'milliseconds since 1970' },
  { value: 1763553600000.25, utc: '2025-11-19T12:00:00.000250Z', note: 'fractions' },
  { value: 1e11, utc: '1973-03-03T09:46:40.000000Z', note: 'the first sane time' },
  { value: 1e11 - 1, utc: 'event' },
  { value: 1763553600, utc: 'event', note: 'seconds' },
  { value: 1763553600.123, utc: 'event' },
  { value: 1763553600000000, utc: 'event', note: 'microseconds' },
  { value: 1763553600000000000, utc: 'event', note: 'nanoseconds' },
  { value: 0, utc: 'event' },
  { value: -1763553600000, utc: 'event', note: 'before 1970' },
  { value: 8.64e15, utc: 'event' },
  { value: 1e308, utc: 'event' },
];

export interface DayCase {
  text: string;
  ok: boolean;
  note?: string;
}

/** Days of a path (`dateKey`); `{year+1}` counts from the year of the write. */
export const DAYS: readonly DayCase[] = [
  { text: '{day}', ok: true, note: "the phone's local date" },
  { text: '2000-01-01', ok: true, note: 'the first' },
  { text: '2024-02-29', ok: true },
  { text: '{year+1}-12-31', ok: true, note: 'the last: of the next year' },
  { text: '{year+2}-01-01', ok: false, note: 'the year after the next' },
  { text: '2569-11-20', ok: false, note: 'the Buddhist calendar' },
  { text: '1448-06-09', ok: false, note: 'the Islamic calendar' },
  { text: '1405-08-29', ok: false, note: 'the Persian calendar' },
  { text: '0008-11-20', ok: false, note: 'the Japanese calendar' },
  { text: '1999-12-31', ok: false },
  { text: '0000-01-01', ok: false },
  { text: '9999-12-31', ok: false },
  { text: '2025-02-29', ok: false, note: 'no such day' },
  { text: '2025-02-31', ok: false },
  { text: '2025-04-31', ok: false },
  { text: '2025-13-01', ok: false },
  { text: '2025-00-01', ok: false },
  { text: '2025-11-00', ok: false },
  { text: '2025-1-1', ok: false, note: 'one digit' },
  { text: '20251119', ok: false },
  { text: '2025-11-19T00', ok: false },
  { text: '2025-11-19\n', ok: false },
  { text: '19-11-2025', ok: false },
  { text: '٢٠٢٥-١١-١٩', ok: false, note: 'other digits' },
  { text: 'today', ok: false },
];

/** A case's text on a given day. */
export function onDay(text: string, day: string): string {
  return text
    .replaceAll('{day}', day)
    .replace(/\{year\+(\d)\}/, (_, years) => String(Number(day.slice(0, 4)) + Number(years)));
}
