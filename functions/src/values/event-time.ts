/**
 * Instants as strings of one form, `YYYY-MM-DDTHH:MM:SS.ffffffZ`: they sort as text, and keep the
 * microseconds that a JS `Date` would drop. An event's time is half of its version, so two forms of
 * one instant must not look like two versions.
 */
const ISO_8601 =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,18}))?)?(Z|z|[+-]\d{2}:?\d{2})?$/;

/**
 * Brings an ISO 8601 date and time to UTC with six digits of a second. More digits are cut, not
 * rounded: Postgres would round `.9999999` into the next second. It takes whatever RFC 3339 lets a
 * CloudEvent's time be, and more than a phone may write (`isTimeText`): no event is lost for its form.
 *
 * @param text a date and time; without an offset it is read as UTC
 * @returns the instant, or null where the text is none that both JS and Postgres can hold
 *   (years 0001 to 9999)
 */
export function normalizeInstant(text: string): string | null {
  const match = ISO_8601.exec(text);
  if (!match) return null;
  const [, day = '', hour = '', minute = '', second = '00', fraction = '', zone = 'Z'] = match;
  if (!isRealDate(day) || hour > '23' || minute > '59' || second > '59') return null;
  const micros = fraction.slice(0, 6).padEnd(6, '0');
  const local = `${day}T${hour}:${minute}:${second}`;
  // Nearly every time is in UTC already: no Date is needed, on a path that every event takes.
  if (zone === 'Z' || zone === 'z') return `${local}.${micros}Z`;
  const epochMs = Date.parse(`${local}${zone.replace(/(\d{2}):?(\d{2})$/, '$1:$2')}`);
  if (Number.isNaN(epochMs)) return null;
  const utc = new Date(epochMs).toISOString();
  if (!isHeldYear(utc)) return null;
  return `${utc.slice(0, 19)}.${micros}Z`;
}

/** Outside years 0 to 9999 toISOString adds a sign; Postgres knows no year 0. */
function isHeldYear(iso: string): boolean {
  return iso.length === 24 && !iso.startsWith('0000');
}

/** The instant of `ms` milliseconds since 1970 (fractions kept to a microsecond), or null. */
export function instantOfMillis(ms: number): string | null {
  const wholeMs = Math.floor(ms);
  if (Math.abs(wholeMs) > 8.64e15) return null;
  const micros = Math.floor((ms - wholeMs) * 1000);
  const iso = new Date(wholeMs).toISOString();
  return isHeldYear(iso) ? `${iso.slice(0, -1)}${String(micros).padStart(3, '0')}Z` : null;
}

/** Milliseconds since 1970 of a normalized instant. */
export function millisOf(instant: string): number {
  return Date.parse(instant);
}

/**
 * What phones may write as a date or a time: the one grammar of parser, API, OpenAPI document and
 * database.rules.json, where RTDB's rules need it as a regular expression. So these keep to the
 * dialect of rules: no look-around, no `\d`, anchors at the ends only.
 * https://firebase.google.com/docs/reference/security/database/regex
 *
 * The times of events are the platform's and follow RFC 3339: `normalizeInstant`.
 */

const YEAR = '(000[1-9]|00[1-9][0-9]|0[1-9][0-9][0-9]|[1-9][0-9][0-9][0-9])';
const MONTH_AND_DAY =
  '((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))';
const LEAP_DAY =
  '([0-9][0-9](0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29';
const DATE = `(${YEAR}-${MONTH_AND_DAY}|${LEAP_DAY})`;
const CLOCK = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?';
const ZONE = '(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?';

/** A date of the calendar, years 0001 to 9999: `2025-11-20`. */
export const DATE_PATTERN = `^${DATE}$`;

/**
 * A date and time of ISO 8601, as Dart's `toIso8601String` and JavaScript's `toISOString` write it:
 * `2025-11-20T06:01:00.006`; or with a space, as Dart's `toString` does. Seconds, up to nine digits of
 * a fraction, and the zone may be left out.
 */
export const TIME_PATTERN = `^${DATE}[T ]${CLOCK}${ZONE}$`;

const A_DATE = new RegExp(DATE_PATTERN);
const A_TIME = new RegExp(TIME_PATTERN);

/** Whether `text` is a date of the calendar, `YYYY-MM-DD`, years 0001 to 9999. */
export function isRealDate(text: string): boolean {
  return A_DATE.test(text);
}

/** Whether `text` is a time that a phone may write; see {@link TIME_PATTERN}. */
export function isTimeText(text: string): boolean {
  return A_TIME.test(text);
}

/** The first year in which anything can have been completed: other calendars show another. */
export const FIRST_YEAR = 2000;

/** What a day must be; {@link isSaneDate}. */
export const EXPECTED_DATE = `expected a calendar date that exists, YYYY-MM-DD, Gregorian, of the years ${FIRST_YEAR} to next year`;

/**
 * Whether a leaf's day may be true: a date of the years 2000 to the next. A phone set to the
 * Buddhist, Islamic or Japanese calendar writes 2569, 1448 or 0008.
 *
 * @param asOf normalized instant of the write, or of the reading
 */
export function isSaneDate(text: string, asOf: string): boolean {
  if (!isRealDate(text)) return false;
  const year = Number(text.slice(0, 4));
  const present = Number(asOf.slice(0, 4));
  // An event of the year 1 has a broken clock, which says nothing of its day.
  return year >= FIRST_YEAR && (year <= present + 1 || present < FIRST_YEAR);
}
