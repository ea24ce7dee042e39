import { DO_NOTHING, MIRROR, NAIVE_1, NAIVE_10 } from './contenders';
import type { Results } from './report';

export interface Target {
  what: string;
  wanted: string;
  got: number | null;
  /** Null where the section that tells was not run. */
  met: boolean | null;
}

/** What the issues ask of the mirror. */
export function judge(results: Results): Target[] {
  const at = (roundTripMs: number) =>
    results.throughput?.find(
      (row) =>
        row.contender === MIRROR && row.roundTripMs === roundTripMs && row.concurrency === 80,
    );
  const memory = results.memory?.find((row) => row.contender === MIRROR);
  const reconcile = results.reconcile?.find((row) => row.contender === 'reconcile');
  const backfill = (name: string) =>
    results.backfill?.find(({ contender }) => contender === name)?.ofCopy;
  return [
    atLeast(`${MIRROR} / ${DO_NOTHING}, 0 ms, concurrency 80`, at(0)?.ofDoNothing, 0.85),
    atLeast(`${MIRROR} / ${NAIVE_1}, 20 ms, concurrency 80`, at(20)?.ofNaive1, 20),
    atLeast(`${MIRROR} / ${NAIVE_10}, 20 ms, concurrency 80`, at(20)?.ofNaive10, 4),
    atMost('RSS above do-nothing, MB', memory?.rssAboveDoNothingMb, 30),
    atLeast('reconcile / reading both sides only', reconcile?.ofReadingOnly, 0.5),
    atMost('peak RSS of reconcile, MB', reconcile?.peakMb, 300),
    atLeast('inserting what is missing / COPY', backfill('insert-missing'), 0.5),
    atLeast('backfill / reading RTDB and COPY', backfill('backfill'), 0.5),
    atMost('contenders that lost an event', losers(results), 0),
  ];
}

function losers(results: Results): number {
  return Object.values(results)
    .flat()
    .filter((row) => row.problems.length > 0).length;
}

function atLeast(what: string, got: number | null | undefined, least: number): Target {
  return { what, wanted: `>= ${least}`, got: got ?? null, met: got == null ? null : got >= least };
}

function atMost(what: string, got: number | null | undefined, most: number): Target {
  return { what, wanted: `<= ${most}`, got: got ?? null, met: got == null ? null : got <= most };
}
