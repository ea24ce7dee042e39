import type { Cause } from './mismatch';

/** Causes that evidence accounts for: what the explained rate leaves out. The verdict does not. */
export const EXPLAINED_CAUSES: readonly Cause[] = [
  'in_flight',
  'before_mirroring',
  'retention',
  'flag_disabled',
  'client_without_rtdb',
  'rejected',
  'ancestor_overwrite',
];
