import type { Statements } from '../../postgres/statements';
import { compareUtf8 } from '../../values/utf8-order';
import {
  ADVANCE_BACKFILL,
  type BackfillCounts,
  END_BACKFILL,
  parseBackfillCounts,
  parseBackfillId,
  RESUME_BACKFILL,
  START_BACKFILL,
} from '../postgres/backfills';
import type { RtdbTree } from '../rtdb-tree';
import { type Backlog, countBacklog, fillCouples } from './fill-couples';
import { limitConcurrency } from './limit-concurrency';
import { couplesPerSlice, type DateRange, openSides, type Sides } from './read-sides';

/** What a backfill is asked; kept in `mirror.backfills`, so that it can be resumed. */
export interface BackfillRequest {
  /** Days to read; ranges that do not touch. */
  ranges: DateRange[];
  /** Only these couples; null = all. */
  couples: string[] | null;
}

export interface BackfillContext {
  statements: Statements;
  rtdb: RtdbTree;
  /** Requests to RTDB at once. Default 16. */
  concurrency?: number;
  onProgress?: (done: { couples: number; of: number }) => void;
}

/** A backfill that is under way. */
export interface OpenBackfill {
  id: number;
  request: BackfillRequest;
  /** Done so far, by whoever began it. */
  counts: BackfillCounts;
  /** All couples up to this one are done; null = none. */
  checkpoint: string | null;
}

export interface BackfillSummary extends BackfillCounts {
  /** Null for a dry run. */
  id: number | null;
}

/** Slices under way at once: while one waits for Postgres, others read RTDB. */
const SLICES_AT_ONCE = 4;
const NOTHING: BackfillCounts = { couples: 0, leaves: 0, inserted: 0, rejected: 0 };

/** Notes what is asked, before anything is done. */
export async function openBackfill(
  request: BackfillRequest,
  { statements }: BackfillContext,
): Promise<OpenBackfill> {
  const id = parseBackfillId(await statements.run(START_BACKFILL, [JSON.stringify(request)]));
  return { id, request, counts: NOTHING, checkpoint: null };
}

/** Goes on with one that broke off: what it did is counted, and not done again. */
export async function resumeBackfill(
  { id, request, checkpoint }: Pick<OpenBackfill, 'id' | 'request' | 'checkpoint'>,
  { statements }: BackfillContext,
): Promise<OpenBackfill> {
  const counts = parseBackfillCounts(await statements.run(RESUME_BACKFILL, [id]));
  return { id, request, counts, checkpoint };
}

/**
 * Inserts what RTDB holds and Postgres has no row for. Never touches a row: what an event wrote wins,
 * whenever it comes. Safe to repeat, to run twice at once, and while events flow.
 *
 * @returns rejects where a store can't be read or written; the backfill is `failed` then, and can be
 *   resumed
 */
export async function runBackfill(
  open: OpenBackfill,
  context: BackfillContext,
): Promise<BackfillSummary> {
  const { statements } = context;
  const counts = { ...open.counts };
  try {
    await eachSlice(open, context, fillCouples, async (done, couple) => {
      const values = [done.couples, done.leaves, done.inserted, done.rejected];
      await statements.run(ADVANCE_BACKFILL, [open.id, couple, ...values]);
      add(counts, done);
    });
    await statements.run(END_BACKFILL, [open.id, null]);
    return { id: open.id, ...counts };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // Postgres may be what failed: then it stays `running`, and can be resumed all the same.
    await statements.run(END_BACKFILL, [open.id, reason]).catch(() => {});
    throw error;
  }
}

/** What a backfill would insert, and which rows it would leave alone although they differ. */
export async function tryBackfill(
  request: BackfillRequest,
  context: BackfillContext,
): Promise<Backlog> {
  const total: Backlog = { couples: 0, leaves: 0, missing: 0, differing: 0, rejected: 0 };
  await eachSlice({ request, checkpoint: null }, context, countBacklog, async (found) =>
    add(total, found),
  );
  return total;
}

type Work<T> = (couples: string[], range: DateRange, sides: Sides) => Promise<T>;

/** Works on slices of couples, several at once, and tells of each once all before it are done. */
async function eachSlice<T extends { [K in keyof T]: number }>(
  { request, checkpoint }: Pick<OpenBackfill, 'request' | 'checkpoint'>,
  context: BackfillContext,
  work: Work<T>,
  onDone: (done: T, lastCouple: string) => Promise<void>,
): Promise<void> {
  const couples = (await couplesOf(request, context)).filter(
    (coupleId) => checkpoint === null || compareUtf8(coupleId, checkpoint) > 0,
  );
  const size = Math.min(...request.ranges.map(couplesPerSlice));
  const sides = openSides(context, context.concurrency);
  const limit = limitConcurrency(SLICES_AT_ONCE);
  let failure: unknown = null;
  const works: { last: string; done: Promise<T | null> }[] = [];
  for (let start = 0; start < couples.length; start += size) {
    const slice = couples.slice(start, start + size);
    const done = limit(async () =>
      failure === null ? ofRanges(slice, request, sides, work) : null,
    );
    done.catch((error: unknown) => {
      failure ??= error;
    });
    works.push({ last: slice.at(-1) ?? '', done });
  }
  let count = 0;
  for (const { last, done } of works) {
    const result = await done;
    if (result === null) throw failure;
    await onDone(result, last);
    count += size;
    context.onProgress?.({ couples: Math.min(count, couples.length), of: couples.length });
  }
}

async function ofRanges<T extends { [K in keyof T]: number }>(
  slice: string[],
  { ranges }: BackfillRequest,
  sides: Sides,
  work: Work<T>,
): Promise<T | null> {
  let total: T | null = null;
  for (const range of ranges) {
    const done = await work(slice, range, sides);
    if (total === null) total = done;
    else add(total, done);
  }
  return total;
}

function couplesOf(request: BackfillRequest, { rtdb }: BackfillContext): Promise<string[]> {
  return request.couples === null
    ? rtdb.listCouples()
    : Promise.resolve([...new Set(request.couples)].sort(compareUtf8));
}

function add<T extends { [K in keyof T]: number }>(total: T, more: T): void {
  for (const name of Object.keys(more) as (keyof T)[]) {
    total[name] = (total[name] + more[name]) as T[keyof T];
  }
}
