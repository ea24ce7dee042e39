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
