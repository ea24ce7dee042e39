import type { Unmirrored } from '../../new-path/unmirrored';
import { printable } from '../printable';
import { gapsOfUnmirrored, lookForUnmirrored, namesOfUnmirrored } from '../unmirrored-trees';
import { type Check, type Diagnosis, type Doctor, ok, skipped, warn } from './check';

/** What RTDB holds that leaves it with nobody. Pure. */
export function treesCheck(unmirrored: Unmirrored): Diagnosis {
  const names = namesOfUnmirrored(unmirrored);
  const gaps = gapsOfUnmirrored(unmirrored).map((gap) => `; ${gap}`);
  if (names.length === 0) {
    const seen = 'each that was seen is mirrored, ignored or excluded';
    return gaps.length === 0 ? ok(seen) : skipped(`${seen}${gaps.join('')}`);
  }
  return warn(
    `nobody mirrors ${names.join(', ').replace(/, (\d+ more)$/, ' and $1')}${gaps.join('')}`,
    "mirror it (new-path 'tree/{…}'), or say that it's on purpose: " +
      "a tree in NEVER_MIRROR, a path's sibling in its `ignored`",
  );
}

/** Looks at keys alone. */
export const TREES_CHECK = {
  name: 'trees',
  needs: 'rtdb',
  async run({ rtdb, declared }: Pick<Doctor, 'rtdb' | 'declared'>): Promise<Diagnosis> {
    const found = await lookForUnmirrored(rtdb, declared);
    return 'problem' in found ? skipped(printable(found.problem)) : treesCheck(found);
  },
} satisfies Check;
