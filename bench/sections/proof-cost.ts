import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import {
  gbAMonth,
  hourlyBytes,
  type NodeBytes,
  sumOf,
} from '../../functions/src/readings/reading-cost';
import type { Context } from '../context';
import type { ProofReport } from '../stores/proof-report';
import { type DueKind, openProofStore } from './proof-store';
import { startRtdb } from './worker';

export interface ProofCostRow {
  contender: string;
  historyDays: number;
  /** Bytes that RTDB would bill for one couple's node, heads included. */
  wholeBytes: number;
  touchedBytes: number;
  fullBytes: number;
  /** For a million couples. */
  gbAnHour: number;
  gbAMonth: number;
  ofHourly: number;
  problems: string[];
}

const COUPLES = 200;
const MILLION = 1_000_000;
const TOUCHED_SHARE = 0.05;
/** The node that has a day each day, with both of its paths: what was read hourly before. */
const PATHS = ['quest_completions', 'daily_quests'];

/** What RTDB bills for a million couples: measured bytes of real readings, times their rhythm. */
export async function measureProofCost(context: Context): Promise<ProofCostRow[]> {
  const rows: ProofCostRow[] = [];
  for (const historyDays of [30, 90, 365]) {
    const store = await openProofStore(context, COUPLES, historyDays);
    const rtdb = await startRtdb(COUPLES, 'proof-rtdb', historyDays);
    const task = { rtdbPort: rtdb.port, paths: PATHS };
    try {
      const first = await store.work(task);
      const measure = async (kind: DueKind) => {
        await store.makeDue(kind);
        const report = await store.work(task);
        context.say(`proof-cost: ${historyDays} days, ${kind}: ${JSON.stringify(report)}`);
        return report.usage.wireBytes / COUPLES;
      };
      const node: NodeBytes = {
        ...{ shards: MILLION, touchedShare: TOUCHED_SHARE, isDated: true },
        listed: (await listingOf(store, task)).usage.wireBytes / COUPLES,
        whole: await measure('whole'),
        touched: await measure('touched'),
        full: await measure('full'),
      };
      const hourly = await store.work({ ...task, kind: 'hourly' });
      context.say(`proof-cost: first ${JSON.stringify(first)} hourly ${JSON.stringify(hourly)}`);
      rows.push(...rowsOf(node, hourly, historyDays));
    } finally {
      rtdb.stop();
      await store.drop();
    }
  }
  return rows;
}

type Store = Awaited<ReturnType<typeof openProofStore>>;

function listingOf(store: Store, task: { rtdbPort: number; paths: string[] }) {
  return store.work({ ...task, kind: 'keys' });
}

/** Before: every couple's two days every hour, and the list of all couples. */
function rowsOf(node: NodeBytes, hourly: ProofReport, historyDays: number): ProofCostRow[] {
  const before = MILLION * (hourly.usage.wireBytes / COUPLES + node.listed);
  const now = sumOf(hourlyBytes(node, PROOF_TIMES));
  const row = (contender: string, bytes: number, each: Partial<NodeBytes>): ProofCostRow => ({
    ...{ contender, historyDays },
    wholeBytes: each.whole ?? Number.NaN,
    touchedBytes: each.touched ?? Number.NaN,
    fullBytes: each.full ?? Number.NaN,
    gbAnHour: bytes / 1e9,
    gbAMonth: gbAMonth(bytes),
    ofHourly: bytes / before,
    problems: [],
  });
  return [
    row('two days every hour', before, { whole: hourly.usage.wireBytes / COUPLES }),
    row('readings', now, node),
    row('readings without full ones', now - hourlyBytes(node, PROOF_TIMES).full, node),
  ];
}
