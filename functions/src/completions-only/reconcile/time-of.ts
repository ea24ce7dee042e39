import { DATABASE_CLOCK, parseClock } from '../postgres/reconcile-runs';
import type { ReconcileContext } from './reconcile';

/** The time to judge by: what the context was given, else the database's clock. */
export async function timeOf({ now, statements }: ReconcileContext): Promise<Date> {
  return now?.() ?? new Date(parseClock(await statements.run(DATABASE_CLOCK, [])));
}
