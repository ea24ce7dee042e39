import type { Comparison } from './compare-leaf';

/** What a comparison of one leaf says, for people; the same on the command line and the dashboard. */
export const COMPARED: Record<Comparison, string> = {
  matched: 'Both sides show the same completion.',
  absent: 'Neither side shows a completion.',
  missing_in_postgres: 'RTDB shows a completion, Postgres does not.',
  missing_in_rtdb: 'Postgres shows a completion, RTDB does not.',
  value_mismatch: 'Both sides show a completion, with different values.',
};
