import { isOutage } from '../postgres/sqlstate';
import type { Statements } from '../postgres/statements';
import { RECORD_COVERAGE_GAP } from './coverage';

/** Where some statements fail and others do not, an interval a minute tells it. */
const LEAST_BETWEEN_MS = 60_000;

interface Outage {
  from: number;
  /** Since when statements succeed again; null while they fail. */
  to: number | null;
  failures: number;
}

/** Statements whose failures are remembered where they are an outage. */
export interface RecordedStatements extends Statements {
  /** Takes a failure for an outage that does not show as one, such as a missing grant. */
  noteFailure(): void;
}

/**
 * Statements that remember since when Postgres did not do the work, and write the interval to
 * `mirror.coverage` once it does: what happened meanwhile is then explained. Each instance writes
 * what it met itself, at most one interval a minute: however long Postgres is away, it is one row.
 *
 * @param now milliseconds since 1970
 */
export function recordOutages(statements: Statements, now = () => Date.now()): RecordedStatements {
  let outage: Outage | null = null;
  let writtenAt = Number.NEGATIVE_INFINITY;

  const noteFailure = () => {
    outage = { from: outage?.from ?? now(), to: null, failures: (outage?.failures ?? 0) + 1 };
  };

  const noteSuccess = async (met: Outage): Promise<void> => {
    met.to ??= now();
    if (now() - writtenAt < LEAST_BETWEEN_MS) return;
    outage = null;
    writtenAt = now();
    const [from, to] = [new Date(met.from), new Date(met.to)];
    const evidence = { failures: met.failures };
    // Not worth failing an event for: it would be delivered again.
    await RECORD_COVERAGE_GAP.run(statements, { reason: 'outage', from, to, evidence }).catch(
      () => {
        outage = merged(met, outage);
        writtenAt = Number.NEGATIVE_INFINITY;
      },
    );
  };

  return {
    noteFailure,
    run: (text, values) =>
      statements.run(text, values).then(
        (rows) => (outage === null ? rows : noteSuccess(outage).then(() => rows)),
        (error: unknown) => {
          if (isOutage(error)) noteFailure();
          throw error;
        },
      ),
  };
}

/** What could not be written, with what was met since. */
function merged(unwritten: Outage, later: Outage | null): Outage {
  if (later === null) return unwritten;
  return { from: unwritten.from, to: later.to, failures: unwritten.failures + later.failures };
}
