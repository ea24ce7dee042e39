import type { LeafStory } from './leaf-story';

/** What a comparison of one leaf says, for people; the same on the command line and the dashboard. */
export const COMPARED: Record<LeafStory['comparison'], string> = {
  none: 'Neither side holds it.',
  agrees: 'Both sides show the same.',
  retained: 'RTDB has dropped an old day; the row stays on purpose.',
  missing_in_postgres: 'RTDB holds it, Postgres does not.',
  missing_in_rtdb: 'Postgres shows it, RTDB does not hold it.',
  value_mismatch: 'Both sides hold it, with different values.',
  column_mismatch: 'Both sides hold the same value, and columns of the row do not follow from it.',
  erased: 'Its key holds the id of somebody who was erased: RTDB holds it, and it is not mirrored.',
  client_only: 'An old phone claimed it, and RTDB does not hold it.',
};
