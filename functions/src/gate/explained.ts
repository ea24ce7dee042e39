import type { PathEvidence } from './evidence';
import type { Tally } from './rate';

/**
 * Causes that lie outside of the mirror: what it did is what it should have done, or it was told not to. The
 * report shows each rate without them beside the plain one, and judges by the plain one.
 */
export const EXPLAINED_CAUSES: ReadonlySet<string> = new Set([
  'in_flight',
  'rejected',
  'direct_postgres_write',
  'client_without_rtdb',
  'retention',
  'flag_disabled',
  'before_mirroring',
  'other_database',
]);

/** A rate without the keys whose own cause explains them. Pure. */
export function explainedTally(
  { causes, copy, mirror }: Pick<PathEvidence, 'causes' | 'copy' | 'mirror'>,
  name: 'copy' | 'mirror',
): Tally {
  const { total, differing, unknown } = name === 'copy' ? copy : mirror;
  const explained = causes
    .filter(({ cause }) => EXPLAINED_CAUSES.has(cause))
    .reduce((sum, { open, lost }) => sum + (name === 'copy' ? open : lost), 0);
  const taken = Math.min(explained, differing);
  return { total: total - taken, differing: differing - taken, unknown };
}
