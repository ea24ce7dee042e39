import { rtdbSource } from '../../new-path/rtdb-source';
import { findUnmirrored, type Unmirrored } from '../../new-path/unmirrored';
import { RtdbReadError } from '../../rtdb/rtdb-client';
import { printable } from '../printable';
import { type Check, type Diagnosis, type Doctor, isNotReady, ok, skipped, warn } from './check';

const MOST_NAMES = 20;
const MOST_CHARACTERS = 60;

/** What RTDB holds that leaves it with nobody. Pure. */
export function treesCheck({ trees, siblings, unread }: Unmirrored): Diagnosis {
  const names = [
    ...trees.map(shortName),
    ...siblings.map(({ below, key }) => `${below}/${shortName(key)}`),
  ];
  const gaps = unread.map(({ below, reason }) => `; below ${below} it could not look: ${reason}`);
  if (names.length === 0) {
    const seen = 'each that was seen is mirrored, ignored or excluded';
    return unread.length === 0 ? ok(seen) : skipped(printable(`${seen}${gaps.join('')}`));
  }
  const shown = names.slice(0, MOST_NAMES).join(', ');
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return warn(
    `nobody mirrors ${shown}${more}${printable(gaps.join(''))}`,
    "mirror it (new-path 'tree/{…}'), or say that it's on purpose: " +
      "a tree in NEVER_MIRROR, a path's sibling in its `ignored`",
  );
}

/** Keys are text from outside, of up to 768 bytes. */
function shortName(key: string): string {
  const characters = Array.from(key);
  if (characters.length <= MOST_CHARACTERS) return printable(key);
  return `${printable(characters.slice(0, MOST_CHARACTERS).join(''))}…`;
}

/** Looks at keys alone. */
export const TREES_CHECK = {
  name: 'trees',
  needs: 'rtdb',
  async run({ rtdb, declared }: Pick<Doctor, 'rtdb' | 'declared'>): Promise<Diagnosis> {
    if ('problem' in rtdb) return skipped(rtdb.problem);
    try {
      const { paths, neverMirror } = declared();
      return treesCheck(await findUnmirrored(paths, neverMirror, rtdbSource(rtdb)));
    } catch (error) {
      if (!(error instanceof RtdbReadError || isNotReady(error))) throw error;
      return skipped(printable(error.message));
    }
  },
} satisfies Check;
