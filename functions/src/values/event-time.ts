import { isRealDate } from './time-grammar';

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
