import { FAIL_RUN, parseRun, READ_RUN } from '../postgres/reconcile-runs';
import type { ReconcileContext, RunSummary } from './reconcile';

/** Marks the run as failed, with the reason, where `work` does. */
export async function failing<T>(
  runId: number,
  { statements }: ReconcileContext,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // Postgres may be what failed: then the run is found abandoned later.
    await statements.run(FAIL_RUN, [runId, reason]).catch(() => {});
    throw error;
  }
}

/** A run as its row shows it. */
export async function summaryOf(
  runId: number,
  { statements }: ReconcileContext,
): Promise<RunSummary> {
  const run = parseRun(await statements.run(READ_RUN, [runId]));
  if (run === null) throw new Error(`there is no reconcile run ${runId}`);
  return {
    runId: run.id,
    status: run.status,
    fromDate: run.from_date,
    toDate: run.to_date,
    couples: run.couples,
    matched: run.matched,
    missingInPostgres: run.missing_in_postgres,
    missingInRtdb: run.missing_in_rtdb,
    valueMismatch: run.value_mismatch,
    inFlight: run.in_flight,
    consistency: run.consistency,
    rtdbMs: run.rtdb_ms,
    postgresMs: run.postgres_ms,
    rtdbBytes: run.rtdb_bytes ?? 0,
    error: run.error,
  };
}
