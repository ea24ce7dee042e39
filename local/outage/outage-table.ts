import { seededRandom } from '../simulate/seeded-random';
import { formatTable } from '../table';
import { type FailureModel, PLATFORM, WITH_GATE, WITHOUT_GATE } from './platform-model';
import { type OutageResult, simulateOutage } from './simulate-outage';

const HOUR_S = 3_600;
const OUTAGES_S = [600, HOUR_S, 6 * HOUR_S, 23 * HOUR_S];
const RATES_PER_S = [100, 1_000];
const CHART_ROWS = 24;
const CHART_WIDTH = 40;

export interface OutageRow {
  outageS: number;
  eventsPerS: number;
  hasGate: boolean;
  result: OutageResult;
}

/** Every outage at every rate, with the bound on connects and without. */
export function playOutages(seed: number): OutageRow[] {
  return OUTAGES_S.flatMap((outageS) =>
    RATES_PER_S.flatMap((eventsPerS) =>
      [true, false].map((hasGate) => {
        const failure: FailureModel = hasGate ? WITH_GATE : WITHOUT_GATE;
        const scenario = { outageS, eventsPerS, platform: PLATFORM, failure };
        return {
          outageS,
          eventsPerS,
          hasGate,
          result: simulateOutage(scenario, seededRandom(seed)),
        };
      }),
    ),
  );
}

/** The table of docs/outage.md, and the hour at 1,000 events/s as a chart. */
export function formatOutages(rows: readonly OutageRow[]): string {
  const heading = [
    ...['outage', 'events/s', 'bound', 'failures/s', '429/s', 'connects/s', 'backlog'],
    ...['statements/s after', 'drained in', 'oldest event', 'given up'],
  ];
  const table = formatTable(heading, rows.map(cellsOf));
  const hour = rows.find(
    (row) => row.outageS === HOUR_S && row.eventsPerS === 1_000 && row.hasGate,
  );
  const chart = hour ? ['', '1 h, 1,000 events/s: events that wait', ...chartOf(hour)] : [];
  return `${[...table, ...chart].join('\n')}\n`;
}

function cellsOf({ outageS, eventsPerS, hasGate, result }: OutageRow): string[] {
  const counts = [
    result.peakFailuresPerS,
    result.peakRefusedPerS,
    result.peakConnectsPerS,
    result.peakBacklog,
    result.peakStatementsPerS,
  ].map((count) => count.toLocaleString('en'));
  return [
    ...[duration(outageS), eventsPerS.toLocaleString('en'), hasGate ? 'yes' : 'no', ...counts],
    result.drainS === null ? 'over two days' : duration(result.drainS),
    duration(result.oldestS),
    result.expired.toLocaleString('en'),
  ];
}

function chartOf({ outageS, result: { minutes, peakBacklog } }: OutageRow): string[] {
  const step = Math.ceil(minutes.length / CHART_ROWS);
  return minutes
    .map(({ backlog }, minute) => ({ backlog, minute }))
    .filter(({ minute }) => minute % step === 0)
    .map(({ backlog, minute }) => {
      const bar = '#'.repeat(Math.round((backlog / peakBacklog) * CHART_WIDTH));
      const state = minute * 60 < outageS ? 'away' : 'back';
      const events = backlog.toLocaleString('en').padStart(9);
      return `${String(minute).padStart(4)} min  ${state}  ${events}  ${bar}`.trimEnd();
    });
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ''}`;
}
