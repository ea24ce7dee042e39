import { leavesOfCouple } from '../../completions-only/reconcile/leaves-of-couple';
import { limitConcurrency } from '../../completions-only/reconcile/limit-concurrency';
import type { RtdbTree } from '../../completions-only/rtdb-tree';

/** The most completions that one write could touch, as far as was looked. */
export interface FanOut {
  ofDay: number;
  ofCouple: number;
  couplesRead: number;
  couples: number;
}

const READS_AT_ONCE = 8;
const [FIRST_DAY, LAST_DAY] = ['0001-01-01', '9999-12-31'];

/** Reads a sample of couples, evenly spread, all their days. */
export async function largestFanOut(rtdb: RtdbTree, sample: number): Promise<FanOut> {
  const all = await rtdb.listCouples();
  const step = Math.max(1, all.length / sample);
  const count = Math.min(sample, all.length);
  const couples = Array.from({ length: count }, (_, n) => all[Math.floor(n * step)] ?? '');
  const limit = limitConcurrency(READS_AT_ONCE);
  const sizes = await Promise.all(
    couples.map((coupleId) =>
      limit(async () => sizesOf(coupleId, await rtdb.readDays(coupleId, FIRST_DAY, LAST_DAY))),
    ),
  );
  const largest = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b), 0);
  return {
    ofDay: largest(sizes.map(({ ofDay }) => ofDay)),
    ofCouple: largest(sizes.map(({ ofCouple }) => ofCouple)),
    couplesRead: count,
    couples: all.length,
  };
}

function sizesOf(coupleId: string, days: unknown): Pick<FanOut, 'ofDay' | 'ofCouple'> {
  const byDay = new Map<string, number>();
  let ofCouple = 0;
  for (const { key } of leavesOfCouple(coupleId, days, '1970-01-01T00:00:00.000000Z')) {
    byDay.set(key.dateKey, (byDay.get(key.dateKey) ?? 0) + 1);
    ofCouple += 1;
  }
  return { ofDay: Math.max(0, ...byDay.values()), ofCouple };
}
