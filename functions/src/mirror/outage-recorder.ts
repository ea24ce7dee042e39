import { DatabaseError } from 'pg';
import { RECORD_COVERAGE_GAP } from '../postgres/coverage';
import type { Statements } from '../postgres/statements';

/** The server is away or going down: PostgreSQL manual, appendix A. */
const SERVER_AWAY = /^(08|53|57P)/;

/**
 * Statements that remember since when Postgres did not answer, and write the interval to
 * `mirror.coverage` once it does: what happened meanwhile is then explained. Each instance writes
 * what it met itself.
 */
export function recordOutages(statements: Statements): Statements {
  let since: Date | null = null;
  let failures = 0;

  const recordOver = async (from: Date) => {
    const detail = JSON.stringify({ failures });
    since = null;
    failures = 0;
    const values = ['outage', from.toISOString(), new Date().toISOString(), detail];
    // Not worth failing an event for: it would be delivered again.
    await statements.run(RECORD_COVERAGE_GAP, values).catch(() => {});
  };

  return {
    run: (text, values) =>
      statements.run(text, values).then(
        (rows) => (since === null ? rows : recordOver(since).then(() => rows)),
        (error: unknown) => {
          if (isOutage(error)) {
            since ??= new Date();
            failures += 1;
          }
          throw error;
        },
      ),
  };
}

/** Whatever the server did not say itself is a connection that broke, or was never made. */
function isOutage(error: unknown): boolean {
  return !(error instanceof DatabaseError) || SERVER_AWAY.test(error.code ?? '');
}
