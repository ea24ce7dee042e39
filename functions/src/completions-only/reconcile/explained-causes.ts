import type { Cause } from './mismatch';

/**
 * Causes that lie outside of the mirror: what it did is what it should have done, or it was told not
 * to. The report shows the rate without them beside the raw one, and judges by the raw one.
 */
export const EXPLAINED_CAUSES: readonly Cause[] = [
  'in_flight',
  'rejected',
  'direct_postgres_write',
  'client_without_rtdb',
  'retention',
  'flag_disabled',
  'before_mirroring',
];
