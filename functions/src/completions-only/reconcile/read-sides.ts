import { CANARY_COUPLE } from '../../paths/quest-completions/canary-couple';
import type { Statements } from '../../postgres/statements';
import { instantOfMillis } from '../../values/event-time';
import { compareUtf8 } from '../../values/utf8-order';
import {
  type CompletionPage,
  type CompletionRow,
  parseCompletionPage,
  ROWS_OF_COUPLES,
  ROWS_OF_RANGE,
} from '../postgres/completion-rows';
import type { CoupleRange } from '../postgres/reconcile-shards';
import type { RtdbTree } from '../rtdb-tree';
import { type Leaf, leavesOfCouple } from './leaves-of-couple';
import { type Limit, limitConcurrency } from './limit-concurrency';

/** Days to compare, first and last included. */
export interface DateRange {
  fromDate: string;
  toDate: string;
}

/** Where both sides are read, with a meter of what it took. */
export interface Sides {
  statements: Statements;
  rtdb: RtdbTree;
  /** Of requests to RTDB. */
  limit: Limit;
  meter: { rtdbMs: number; postgresMs: number };
}

/** Both sides, with a meter and a limit of their own; `concurrency` = requests to RTDB at once. */
export function openSides(
  { statements, rtdb }: Pick<Sides, 'statements' | 'rtdb'>,
  concurrency = 16,
): Sides {
  const limit = limitConcurrency(concurrency);
  return { statements, rtdb, limit, meter: { rtdbMs: 0, postgresMs: 0 } };
}

/** Part of a range, as both sides hold it: in key order, and with nothing left out in between. */
export interface SidesRead {
  leaves: Leaf[];
  rows: CompletionRow[];
  /** How many couples one of the sides has anything of. */
  couples: number;
}

interface Days {
  coupleId: string;
  days: unknown;
}

/** Couples of one page of Postgres's: a couple can't have more days than are asked for. */
const MAX_COUPLE_DAYS = 1_500;
const MAX_COUPLES = 50;

/** How many couples may be held at once for that many days, so that memory stays bounded. */
export function couplesPerSlice({ fromDate, toDate }: DateRange): number {
  const days = (Date.parse(toDate) - Date.parse(fromDate)) / 86_400_000 + 1;
  return Math.max(1, Math.min(MAX_COUPLES, Math.floor(MAX_COUPLE_DAYS / days)));
}

/**
 * Reads a range of couples from both sides. Postgres may hold couples that RTDB does not list, any
 * number of them: so it is read by pages, and each page is one part.
 *
 * @param couples RTDB's couples of the range, in order; few enough to be held at once
 */
export async function* readRange(
  range: CoupleRange,
  couples: readonly string[],
  dates: DateRange,
  sides: Sides,
): AsyncGenerator<SidesRead> {
  const pageSize = couplesPerSlice(dates);
  const pageAfter = (after: string | null) =>
    readRows(
      ROWS_OF_RANGE,
      [after, range.upTo, dates.fromDate, dates.toDate, pageSize, CANARY_COUPLE],
      sides,
    );
  let [days, page] = await Promise.all([readDays(couples, dates, sides), pageAfter(range.after)]);
  const readAt = presentInstant();
  for (;;) {
    const last = page.couples.at(-1);
    const isLast = last === undefined || page.couples.length < pageSize;
    const isInPage = ({ coupleId }: Days) => isLast || compareUtf8(coupleId, last) <= 0;
    yield part(days.filter(isInPage), page, readAt);
    if (isLast) return;
    days = days.filter((one) => !isInPage(one));
    page = await pageAfter(last);
  }
}

/** Reads named couples from both sides; they come in order. */
export async function readCouples(
  couples: readonly string[],
  dates: DateRange,
  sides: Sides,
): Promise<SidesRead> {
  const [days, page] = await Promise.all([
    readDays(couples, dates, sides),
    readRows(ROWS_OF_COUPLES, [couples, dates.fromDate, dates.toDate], sides),
  ]);
  return part(days, page, presentInstant());
}

function part(days: readonly Days[], page: CompletionPage, readAt: string): SidesRead {
  const held = new Set(page.rows.map(({ key }) => key.coupleId));
  for (const one of days) if (one.days !== null) held.add(one.coupleId);
  return {
    leaves: days.flatMap((one) => [...leavesOfCouple(one.coupleId, one.days, readAt)]),
    rows: page.rows,
    couples: held.size,
  };
}

async function readDays(
  couples: readonly string[],
  { fromDate, toDate }: DateRange,
  { rtdb, limit, meter }: Sides,
): Promise<Days[]> {
  const startedAt = performance.now();
  const days = await Promise.all(
    couples.map(async (coupleId) => ({
      coupleId,
      days: await limit(() => rtdb.readDays(coupleId, fromDate, toDate)),
    })),
  );
  meter.rtdbMs += performance.now() - startedAt;
  return days;
}

async function readRows(
  statement: string,
  values: unknown[],
  { statements, meter }: Sides,
): Promise<CompletionPage> {
  const startedAt = performance.now();
  const page = parseCompletionPage(await statements.run(statement, values));
  meter.postgresMs += performance.now() - startedAt;
  return page;
}

/** Dates values that have no time of their own; nothing is compared by it. */
function presentInstant(): string {
  return instantOfMillis(Date.now()) ?? '1970-01-01T00:00:00.000000Z';
}
