import { setTimeout as delay } from 'node:timers/promises';
import { completionPath } from '../../paths/quest-completions/completion-path';
import { isSameValue } from '../../values/rtdb-value';
import { compareUtf8 } from '../../values/utf8-order';
import { DATABASE_CLOCK, parseClock } from '../postgres/reconcile-runs';
import type { CoupleRange, ShardCounts } from '../postgres/reconcile-shards';
import type { LeafReading, RowReading } from './compare-leaf';
import { compareSides, type Difference } from './compare-sides';
import { limitConcurrency } from './limit-concurrency';
import type { Mismatch } from './mismatch';
import { couplesPerSlice, readCouples, readRange, type Sides } from './read-sides';
import type { ReconcileRequest } from './reconcile';

/** A part of a run: a range of couples, and those of RTDB's that lie in it, in order. */
export interface Shard {
  range: CoupleRange;
  couples: readonly string[];
}

/** What both sides showed at the first look. */
export interface FirstLook {
  couples: number;
  matched: number;
  differences: Difference[];
}

export interface Settled {
  /** What differed to the end. */
  standing: Mismatch[];
  /** How many agreed on being read again. */
  inFlight: number;
}

/** Looks after which a mismatch that is still there stands. */
const MAX_ROUNDS = 3;
/** Slices that are read side by side: while one waits for Postgres, others read RTDB. */
const SLICES_AT_ONCE = 4;

/** Reads and compares a shard once. Rejects as a reader does, or with DisorderError. */
export async function lookAtShard(
  { range, couples }: Shard,
  request: ReconcileRequest,
  sides: Sides,
): Promise<FirstLook> {
  const limit = limitConcurrency(SLICES_AT_ONCE);
  const looks = await Promise.all(
    slicesOf(range, couples, couplesPerSlice(request)).map((slice) =>
      limit(() => lookAtSlice(slice, request, sides)),
    ),
  );
  return {
    couples: looks.reduce((sum, look) => sum + look.couples, 0),
    matched: looks.reduce((sum, look) => sum + look.matched, 0),
    differences: looks.flatMap((look) => look.differences),
  };
}

async function lookAtSlice(
  { range, couples }: Shard,
  request: ReconcileRequest,
  sides: Sides,
): Promise<FirstLook> {
  const look: FirstLook = { couples: 0, matched: 0, differences: [] };
  const parts =
    request.couples === null
      ? readRange(range, couples, request, sides)
      : [await readCouples(couples, request, sides)];
  for await (const { leaves, rows, couples: count } of parts) {
    const { matched, differences } = compareSides(leaves, rows);
    look.couples += count;
    look.matched += matched;
    look.differences.push(...differences);
  }
  return look;
}

/** Cuts a range before every so many of RTDB's couples. */
function slicesOf(range: CoupleRange, couples: readonly string[], size: number): Shard[] {
  const slices: Shard[] = [];
  for (let start = 0; start === 0 || start < couples.length; start += size) {
    const part = couples.slice(start, start + size);
    const isLast = start + size >= couples.length;
    slices.push({
      range: {
        after: start === 0 ? range.after : (couples[start - 1] ?? null),
        upTo: isLast ? range.upTo : (part.at(-1) ?? null),
      },
      couples: part,
    });
  }
  return slices;
}

/**
 * Reads differing keys from both sides again after the grace time, and again until the set stops
 * shrinking or three rounds passed: what agreed meanwhile was in flight.
 */
export async function settleDifferences(
  found: readonly Difference[],
  request: ReconcileRequest,
  sides: Sides,
): Promise<Settled> {
  let standing: Mismatch[] = found.map((difference) => ({
    ...difference,
    readAt: '',
    isMoving: false,
  }));
  for (let round = 1; round <= MAX_ROUNDS && standing.length > 0; round += 1) {
    await delay(request.graceMs);
    const before = standing.length;
    standing = await lookAgain(standing, request, sides);
    if (standing.length === before) break;
  }
  return { standing, inFlight: found.length - standing.length };
}

async function lookAgain(
  mismatches: readonly Mismatch[],
  request: ReconcileRequest,
  sides: Sides,
): Promise<Mismatch[]> {
  const readAt = parseClock(await sides.statements.run(DATABASE_CLOCK, []));
  const byPath = new Map(mismatches.map((one) => [completionPath(one.key), one]));
  const couples = [...new Set(mismatches.map(({ key }) => key.coupleId))].sort(compareUtf8);
  const standing: Mismatch[] = [];
  const size = couplesPerSlice(request);
  for (let start = 0; start < couples.length; start += size) {
    const read = await readCouples(couples.slice(start, start + size), request, sides);
    for (const difference of compareSides(read.leaves, read.rows).differences) {
      const before = byPath.get(completionPath(difference.key));
      if (before === undefined) continue;
      standing.push({ ...difference, readAt, isMoving: hasMoved(before, difference) });
    }
  }
  return standing;
}

function hasMoved(before: Difference, after: Difference): boolean {
  return !isSameLeaf(before.leaf, after.leaf) || !isSameRow(before.row, after.row);
}

function isSameLeaf(a: LeafReading | null, b: LeafReading | null): boolean {
  if (a === null || b === null || a.completed !== b.completed) return a === b;
  if (a.completed === null && b.completed === null) return isSameValue(a.value, b.value);
  return !a.completed || !b.completed || isSameValue(a.payload, b.payload);
}

function isSameRow(a: RowReading | null, b: RowReading | null): boolean {
  if (a === null || b === null) return a === b;
  return a.isTombstone === b.isTombstone && isSameValue(a.payload, b.payload);
}

/** The columns of a shard that was compared and settled. */
export function countsOf(
  look: FirstLook,
  { standing, inFlight }: Settled,
  usage: Pick<ShardCounts, 'rtdbMs' | 'postgresMs' | 'rtdbBytes'>,
): ShardCounts {
  const count = (kind: Mismatch['kind']) => standing.filter((one) => one.kind === kind).length;
  return {
    couples: look.couples,
    matched: look.matched,
    missingInPostgres: count('missing_in_postgres'),
    missingInRtdb: count('missing_in_rtdb'),
    valueMismatch: count('value_mismatch'),
    inFlight,
    ...usage,
  };
}
