import { CAUSES } from '../divergences/vocabulary';
import type { PathEvidence } from './evidence';
import type { Tally } from './rate';

/** A rate without the keys whose own cause explains them. Pure. */
export function explainedTally(
  { causes, copy, mirror }: Pick<PathEvidence, 'causes' | 'copy' | 'mirror'>,
  name: 'copy' | 'mirror',
): Tally {
  const { total, differing, unknown } = name === 'copy' ? copy : mirror;
  const explained = causes
    .filter(({ cause }) => CAUSES[cause].isExplained)
    .reduce((sum, { open, lost }) => sum + (name === 'copy' ? open : lost), 0);
  const taken = Math.min(explained, differing);
  return { total: total - taken, differing: differing - taken, unknown };
}
