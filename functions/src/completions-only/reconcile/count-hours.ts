import { CANARY_COUPLE } from '../../paths/quest-completions/canary-couple';
import type { Statements } from '../../postgres/statements';
import {
  COUNT_HOUR,
  HOURS_NOT_COUNTED,
  hoursNotCountedValues,
  parseHours,
} from '../postgres/hourly-arrivals';

/**
 * Counts what Postgres took in the full hours that no run has counted yet, newest first: the
 * dashboard's figures. Rejects as `statements` do; what was counted until then stays.
 */
export async function countHours(statements: Statements): Promise<void> {
  const hours = parseHours(await statements.run(HOURS_NOT_COUNTED, hoursNotCountedValues()));
  for (const hour of hours) await statements.run(COUNT_HOUR, [hour, CANARY_COUPLE]);
}
