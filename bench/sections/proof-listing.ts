import type { Context } from '../context';
import { openProofStore } from './proof-store';
import { startRtdb } from './worker';

export interface ProofListingRow {
  contender: string;
  couples: number;
  seconds: number;
  /** Of these, inside note_listed. */
  notedSeconds: number;
  requests: number;
  rtdbMb: number;
  peakMb: number;
  problems: string[];
}

/** A million couples as RTDB lists them, by pages, and noted in Postgres: the first time, and again. */
export async function measureProofListing(context: Context): Promise<ProofListingRow[]> {
  const couples = context.options.listedCouples;
  const store = await openProofStore(context, 0, 0);
  const rtdb = await startRtdb(couples, 'proof-rtdb', 0);
  const rows: ProofListingRow[] = [];
  try {
    for (const contender of ['first listing', 'the next one']) {
      const report = await store.work({ kind: 'list', rtdbPort: rtdb.port, paths: ['lp_awards'] });
      context.say(`proof-listing: ${contender} ${JSON.stringify(report)}`);
      rows.push({
        ...{ contender, couples, problems: [] },
        seconds: report.ms / 1_000,
        notedSeconds: report.notedMs / 1_000,
        requests: report.usage.requests,
        rtdbMb: report.usage.wireBytes / 1e6,
        peakMb: report.peakMb,
      });
    }
    return rows;
  } finally {
    rtdb.stop();
    await store.drop();
  }
}
