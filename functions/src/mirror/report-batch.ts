import { sqlstateOf } from '../postgres/sqlstate';

/** What became of one batch on its way to Postgres. */
export interface SentBatch {
  statement: 'apply' | 'record_divergences';
  size: number;
  ms: number;
  /** How many of its claims ended `applied`. */
  applied?: number;
  /** There if it failed; null where the server did not say why. */
  sqlstate?: string | null;
}

export type OnBatch = (batch: SentBatch) => void;

/** Sends a batch, and reports it whether or not that failed. */
export async function reportBatch<Result>(
  statement: SentBatch['statement'],
  size: number,
  onBatch: OnBatch,
  send: () => Promise<Result[]>,
  summarize: (results: Result[]) => Pick<SentBatch, 'applied'> = () => ({}),
): Promise<Result[]> {
  const startedAt = performance.now();
  const sent = () => ({ statement, size, ms: performance.now() - startedAt });
  try {
    const results = await send();
    onBatch({ ...sent(), ...summarize(results) });
    return results;
  } catch (error) {
    onBatch({ ...sent(), sqlstate: sqlstateOf(error) });
    throw error;
  }
}
