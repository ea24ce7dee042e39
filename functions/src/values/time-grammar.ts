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
