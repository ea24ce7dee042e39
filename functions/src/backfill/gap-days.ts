import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { query, type Statements } from '../postgres/statements';
import type { DayRange } from '../readings/plan-reading';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const GAPS_OF = query({
  text: `
select
  to_char(c.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as from_at,
  to_char(coalesce(c.to_at, clock_timestamp()) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as to_at
from mirror.coverage as c
where c.path is null or c.path = $1
order by c.from_at
`,
  params: { path: 'text' },
  row: { fromAt: z.string(), toAt: z.string() },
});

/** What may have been written while mirroring of a path was not fully on; null = anything, since it has no days. */
export async function rangesOfGaps(
  { name, dayColumn }: MirroredPath,
  statements: Statements,
): Promise<DayRange[] | null> {
  const gaps = await GAPS_OF.all(statements, { path: name });
  return gaps.length > 0 && dayColumn === null ? null : daysOfGaps(gaps);
}

/**
 * The days that writes of these intervals may belong to, as ranges that do not touch. Pure. A phone's
 * date is that of its zone, UTC-12 to UTC+14.
 */
export function daysOfGaps(gaps: readonly { fromAt: string; toAt: string }[]): DayRange[] {
  const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const ranges = gaps
    .map(({ fromAt, toAt }) => ({
      from: dateOf(Date.parse(fromAt) - 12 * HOUR_MS),
      to: dateOf(Date.parse(toAt) + 14 * HOUR_MS),
    }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  const merged: DayRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    const isNext = last && range.from <= dateOf(Date.parse(last.to) + DAY_MS);
    if (last && isNext) {
      if (range.to > last.to) last.to = range.to;
    } else merged.push({ ...range });
  }
  return merged;
}
