import { DO_NOTHING, MIRROR, NAIVE_1, NAIVE_10 } from './contenders';
import type { Workload } from './load/workload';
import type { Results, Target } from './report';
import type { ThroughputRow } from './sections/throughput';

/** What the issues ask of the mirror. */
export function judge(results: Results): Target[] {
  const at = (roundTripMs: number) => rowOf(results, 'completions', roundTripMs);
  const memory = results.memory?.find((row) => row.contender === MIRROR);
  const reconcile = results.reconcile?.find((row) => row.contender === 'reconcile');
  const differing = results.proof?.find(({ contender }) => contender === 'one in each batch');
  const readings = results.proofCost?.find(({ contender }) => contender === 'readings');
  const backup = results.backup?.find((row) => row.contender === 'compare');
  const backfill = (name: string) =>
    results.backfill?.find(({ contender }) => contender === name)?.ofCopy;
  return [
    atLeast(`${MIRROR} / ${DO_NOTHING}, 0 ms, concurrency 80`, at(0)?.ofDoNothing, 0.85),
    atLeast(`${MIRROR} / ${NAIVE_1}, 20 ms, concurrency 80`, at(20)?.ofNaive1, 20),
    atLeast(`${MIRROR} / ${NAIVE_10}, 20 ms, concurrency 80`, at(20)?.ofNaive10, 4),
    ...DOCUMENTS.flatMap((workload) => [
      atLeast(documentsTarget(workload, 0), leadOf(results, workload, 0), DOCUMENTS_LEAD),
      atLeast(documentsTarget(workload, 20), leadOf(results, workload, 20), DOCUMENTS_LEAD),
    ]),
    atMost('RSS above do-nothing, MB', memory?.rssAboveDoNothingMb, 30),
    atLeast('reconcile / reading both sides only', reconcile?.ofReadingOnly, 0.5),
    atMost('peak RSS of reconcile, MB', reconcile?.peakMb, 300),
    atLeast('inserting what is missing / COPY', backfill('insert-missing'), 0.5),
    atLeast('backfill / reading RTDB and COPY', backfill('backfill'), 0.5),
    atLeast('readings with a difference in each batch / without', differing?.ofAlike, 0.8),
    atMost('RTDB bytes of readings / two days every hour, 1M couples', readings?.ofHourly, 0.25),
    atMost('peak RSS of a listing, MB', listingMb(results), 200),
    atMost('comparing a backup / reading file and table', backup?.timesReading, 2),
    atMost('peak RSS of comparing a backup, MB', backup?.peakMb, 200),
    atMost('contenders that lost an event', losers(results), 0),
  ];
}

const DOCUMENTS: readonly Workload[] = ['1.5 KB', '4.5 KB'];
/** A ratio of ratios of one run; each of the four medians behind it is uncertain by a few hundredths. */
const DOCUMENTS_LEAD = 0.9;

function documentsTarget(workload: Workload, roundTripMs: number): string {
  return `lead over naive, ${workload} / completions, ${roundTripMs} ms, concurrency 80`;
}

/** How far ahead of naive the mirror is with documents, against completions; the lesser of both naive ones. */
function leadOf(results: Results, workload: Workload, roundTripMs: number): number | null {
  const documents = rowOf(results, workload, roundTripMs);
  const completions = rowOf(results, 'completions', roundTripMs);
  const leads = (['ofNaive1', 'ofNaive10'] as const).flatMap((naive) => {
    const [lead, wanted] = [documents?.[naive], completions?.[naive]];
    return lead == null || wanted == null ? [] : [lead / wanted];
  });
  return leads.length === 0 ? null : Math.min(...leads);
}

function rowOf(
  { throughput }: Results,
  workload: Workload,
  roundTripMs: number,
): ThroughputRow | undefined {
  return throughput?.find(
    (row) =>
      row.contender === MIRROR &&
      row.workload === workload &&
      row.roundTripMs === roundTripMs &&
      row.concurrency === 80,
  );
}

function listingMb({ proofListing }: Results): number | null {
  if (proofListing === undefined) return null;
  return Math.max(...proofListing.map(({ peakMb }) => peakMb));
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
