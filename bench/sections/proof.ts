import type { Context } from '../context';
import { startDelayProxy } from '../delay-proxy';
import { median } from '../statistics';
import type { ProofReport } from '../stores/proof-report';
import { openProofStore } from './proof-store';
import { startRtdb } from './worker';

export interface ProofRow {
  contender: string;
  /** To either store. */
  roundTripMs: number;
  /** Readings, one for each path of a shard. */
  readings: number;
  perSecond: number;
  /** The rate in terms of that of its neighbour without a difference. */
  ofAlike: number | null;
  statementsPerReading: number;
  requestsPerReading: number;
  cpuMsPerReading: number;
  /** The rate that the worker's CPU alone would allow. */
  perCpuSecond: number;
  ofAlikeByCpu: number | null;
  peakMb: number;
  problems: string[];
}

const PATHS = ['quest_completions', 'daily_quests', 'lp_awards'];
const HISTORY_DAYS = 30;
/** As many shards as a worker takes at once: one of each batch differs. */
const BATCH = 32;

type Contender = 'no difference' | 'one in each batch' | 'touched' | 'full';

/** How fast one worker reads, with 64 shards at once. */
export async function measureProof(context: Context): Promise<ProofRow[]> {
  const { databases, options, say } = context;
  const couples = options.proofCouples;
  say(`proof: making ${couples} couples with ${HISTORY_DAYS} days`);
  const store = await openProofStore(context, couples, HISTORY_DAYS);
  const alike = await startRtdb(couples, 'proof-rtdb', HISTORY_DAYS);
  const different = await startRtdb(couples, 'proof-rtdb', HISTORY_DAYS, BATCH);
  const rows: ProofRow[] = [];
  try {
    await store.work({ rtdbPort: alike.port, paths: PATHS });
    for (const roundTripMs of [0, 20]) {
      const far = await proxies([databases.port, alike.port, different.port], roundTripMs);
      const [postgresPort = 0, alikePort = 0, differentPort = 0] = far.ports;
      const reports = new Map<Contender, ProofReport[]>();
      const measure = async (contender: Contender, kind: 'whole' | 'touched' | 'full') => {
        await store.makeDue(kind);
        const rtdbPort = contender === 'one in each batch' ? differentPort : alikePort;
        const report = await store.work({ rtdbPort, paths: PATHS }, postgresPort);
        say(`proof: ${roundTripMs} ms, ${contender}: ${JSON.stringify(report)}`);
        reports.set(contender, [...(reports.get(contender) ?? []), report]);
      };
      for (let round = 1; round <= options.storeRounds; round += 1) {
        await measure('no difference', 'whole');
        await measure('one in each batch', 'whole');
        await measure('touched', 'touched');
      }
      await measure('full', 'full');
      far.stop();
      const beside = reports.get('no difference') ?? [];
      for (const [name, of] of reports) rows.push(rowOf(name, roundTripMs, of, beside));
    }
    return rows;
  } finally {
    alike.stop();
    different.stop();
    await store.drop();
  }
}

async function proxies(
  ports: readonly number[],
  roundTripMs: number,
): Promise<{ ports: readonly number[]; stop(): void }> {
  if (roundTripMs === 0) return { ports, stop: () => {} };
  const started = await Promise.all(ports.map((port) => startDelayProxy(port, roundTripMs)));
  return {
    ports: started.map(({ port }) => port),
    stop: () => {
      for (const proxy of started) proxy.stop();
    },
  };
}

/** Whole readings: the second look at what differed is part of the price, and no reading more. */
const countOf = ({ kinds }: ProofReport) =>
  Object.entries(kinds).reduce((sum, [kind, n]) => sum + (kind === 'suspects' ? 0 : n), 0);
const rateOf = (report: ProofReport) => (countOf(report) * 1_000) / report.ms;
const rateByCpu = (report: ProofReport) => (countOf(report) * 1_000) / report.cpuMs;

function rowOf(
  contender: Contender,
  roundTripMs: number,
  reports: readonly ProofReport[],
  beside: readonly ProofReport[],
): ProofRow {
  const isPair = contender === 'one in each batch';
  // Of neighbours: the machine's speed drifts.
  const ratio = (rate: (report: ProofReport) => number) =>
    isPair
      ? median(
          reports.map((one, round) => {
            const other = beside[round];
            return other === undefined ? Number.NaN : rate(one) / rate(other);
          }),
        )
      : null;
  const each = (read: (report: ProofReport) => number) =>
    median(reports.map((report) => read(report) / countOf(report)));
  return {
    ...{ contender, roundTripMs, readings: countOf(reports[0] ?? NONE) },
    perSecond: median(reports.map(rateOf)),
    ofAlike: ratio(rateOf),
    statementsPerReading: each(({ statements }) => statements),
    requestsPerReading: each(({ usage }) => usage.requests),
    cpuMsPerReading: each(({ cpuMs }) => cpuMs),
    perCpuSecond: median(reports.map(rateByCpu)),
    ofAlikeByCpu: ratio(rateByCpu),
    peakMb: Math.max(...reports.map(({ peakMb }) => peakMb)),
    problems: [],
  };
}

const NONE: Pick<ProofReport, 'kinds'> & ProofReport = {
  ...{ shards: 0, kinds: {}, statements: 0, ms: 0, cpuMs: 0, peakMb: 0, notedMs: 0 },
  usage: { requests: 0, connections: 0, wireBytes: 0, bytes: 0 },
};
