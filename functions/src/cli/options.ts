import { type Command, Option } from 'commander';
import { UsageError } from '../errors/mirror-error';
import type { MirroredPath } from '../paths/mirrored-path';
import type { DayRange } from '../readings/plan-reading';
import { isRealDate } from '../values/event-time';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';

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

/** `--path`, of every verb that works on paths. */
export function withPathOption(command: Command): Command {
  return command.option('--path <name...>', 'only these paths (default: all that are declared)');
}

/**
 * The paths that were named; all where none was.
 *
 * @throws UsageError with the names that there are
 */
export function pathsNamed(
  names: readonly string[] | undefined,
  declared: readonly MirroredPath[],
): MirroredPath[] {
  const known = declared.map(({ name }) => name);
  const unknown = (names ?? []).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--path: expected one of ${known.join(', ')}, not ${unknown}`);
  }
  return declared.filter(({ name }) => names === undefined || names.includes(name));
}

export interface ShardOptions {
  shard?: string[];
  couple?: string[];
}

/** The shards of a path: the first part of its key, which is the couple in the app's trees. */
export function withShardOption(command: Command): Command {
  return command
    .option('--couple <id...>', 'only these couples: the first part of the key', coupleOption)
    .addOption(
      new Option('--shard <id...>', 'the same, where it is no couple').argParser(shardOption),
    );
}

/** The shards that were named; null = all. */
export function shardsOf({ shard = [], couple = [] }: ShardOptions): string[] | null {
  const named = [...couple, ...shard];
  return named.length === 0 ? null : named;
}

/**
 * Collects the couples that `--couple` names. One that can't be a key of RTDB is refused at once: a
 * run of it could only fail, and would be taken up by every `--resume`.
 *
 * @throws UsageError
 */
export function coupleOption(coupleId: string, couples: string[] | undefined): string[] {
  if (!isKey(coupleId)) {
    throw new UsageError('--couple: expected an id of a couple, as RTDB has it under daily_quests');
  }
  return [...(couples ?? []), coupleId];
}

function shardOption(shard: string, shards: string[] | undefined): string[] {
  if (!isKey(shard)) throw new UsageError('--shard: expected a key, as RTDB has it');
  return [...(shards ?? []), shard];
}

function isKey(text: string): boolean {
  return text !== '' && !REFUSED_IN_KEY.test(text) && Buffer.byteLength(text) <= MAX_KEY_BYTES;
}

/**
 * The days that --from and --to name, both included; null where neither is given.
 *
 * @throws UsageError that says what is wrong
 */
export function dateRangeOption({ from, to }: { from?: string; to?: string }): DayRange | null {
  if (from === undefined && to === undefined) return null;
  if (!from || !to) {
    throw new UsageError('--from and --to: which days? (YYYY-MM-DD, both included)');
  }
  for (const date of [from, to]) {
    if (!isRealDate(date)) {
      throw new UsageError(`--from, --to: ${date} isn't a calendar date, YYYY-MM-DD`);
    }
  }
  if (from > to) throw new UsageError(`--from, --to: ${from} comes after ${to}`);
  return { from, to };
}
