import { UsageError } from '../errors/mirror-error';

/** Reads an option that is a whole number. Throws UsageError that names it and the range. */
export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new UsageError(`${name}: expected a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const MOST_DAYS = 366;

/** Reads an option that is a length of time, such as `90m`, `24h` or `7d`, in ms. Throws UsageError that names it. */
export function lengthOfTime(name: string): (text: string) => number {
  return (text) => {
    const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
    const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
    if (!(ms > 0 && ms <= MOST_DAYS * UNIT_MS.d)) {
      throw new UsageError(
        `${name}: expected a length such as 90m, 24h or 7d, up to ${MOST_DAYS}d`,
      );
    }
    return ms;
  };
}
