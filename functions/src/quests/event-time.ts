/**
 * Instants as strings of one form, `YYYY-MM-DDTHH:MM:SS.ffffffZ`: they sort as text, and keep the
 * microseconds that a JS `Date` would drop. An event's time is half of its version, so two forms of
 * one instant must not look like two versions.
 */
const ISO_8601 =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,18}))?)?(Z|z|[+-]\d{2}:?\d{2})?$/;

/**
 * Brings an ISO 8601 date and time to UTC with six digits of a second. More digits are cut, not
 * rounded: Postgres would round `.9999999` into the next second.
 *
 * @param text a date and time; without an offset it is read as UTC
 * @returns the instant, or null where the text is none that both JS and Postgres can hold
 *   (years 0001 to 9999)
 */
export function normalizeInstant(text: string): string | null {
  const match = ISO_8601.exec(text);
  if (!match) return null;
  const [, day = '', minutes = '', seconds = '00', fraction = '', zone = 'Z'] = match;
  if (!isRealDate(day)) return null;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : zone.replace(/(\d{2}):?(\d{2})$/, '$1:$2');
  const epochMs = Date.parse(`${day}T${minutes}:${seconds}${offset}`);
  if (Number.isNaN(epochMs)) return null;
  const whole = new Date(epochMs).toISOString();
  // Outside years 0 to 9999 toISOString adds a sign; Postgres knows no year 0.
  if (whole.length !== 24 || whole.startsWith('0000')) return null;
  return `${whole.slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

/** The instant of `ms` milliseconds since 1970 (fractions kept to a microsecond), or null. */
export function instantOfMillis(ms: number): string | null {
  const wholeMs = Math.floor(ms);
  if (Math.abs(wholeMs) > 8.64e15) return null;
  const micros = Math.floor((ms - wholeMs) * 1000);
  const iso = new Date(wholeMs).toISOString();
  return normalizeInstant(`${iso.slice(0, -1)}${String(micros).padStart(3, '0')}Z`);
}

/** Milliseconds since 1970 of a normalized instant. */
export function millisOf(instant: string): number {
  return Date.parse(instant);
}

/** Whether `text` is a calendar date `YYYY-MM-DD` that exists (year 0001 or later). */
export function isRealDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false;
  const epochMs = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(epochMs) && new Date(epochMs).toISOString().startsWith(text);
}
