import { MirrorError } from '../errors/mirror-error';
import { rtdbSource } from '../new-path/rtdb-source';
import { findUnmirrored, type Unmirrored } from '../new-path/unmirrored';
import type { RtdbAccess } from '../rtdb/rtdb-client';
import type { DeclaredPaths } from './declared-paths';
import { printable } from './printable';

/** What RTDB holds beside the declared paths, or why nobody knows. */
export type UnmirroredTrees = Unmirrored | { problem: string };

/** What a verb that asks for something else waits for at most. */
const DEADLINE_MS = 5_000;
const MOST_NAMES = 20;
const MOST_CHARACTERS = 60;

/** Looks at keys alone. Where RTDB doesn't answer, or the list of paths isn't there, it says so. */
export async function lookForUnmirrored(
  rtdb: RtdbAccess | { problem: string },
  declared: () => DeclaredPaths,
  signal?: AbortSignal,
): Promise<UnmirroredTrees> {
  if ('problem' in rtdb) return rtdb;
  try {
    const { paths, neverMirror } = declared();
    return await findUnmirrored(paths, neverMirror, rtdbSource(rtdb, signal));
  } catch (error) {
    if (signal?.aborted) return { problem: 'RTDB took too long to answer' };
    // Also of a list of paths that isn't compiled yet.
    if (error instanceof MirrorError) return { problem: error.problem };
    throw error;
  }
}

/** The same beside something that matters more: one try, and no more than a moment. */
export function glanceAtUnmirrored(
  rtdb: RtdbAccess | { problem: string },
  declared: () => DeclaredPaths,
): Promise<UnmirroredTrees> {
  const once = 'problem' in rtdb ? rtdb : { ...rtdb, tries: 1 };
  return lookForUnmirrored(once, declared, AbortSignal.timeout(DEADLINE_MS));
}

/** As people read them; text from outside, made harmless. */
export function namesOfUnmirrored({ trees, siblings }: Unmirrored): string[] {
  const names = [
    ...trees.map(shortName),
    ...siblings.map(({ below, key }) => `${below}/${shortName(key)}`),
  ];
  const rest = names.length - MOST_NAMES;
  return rest > 0 ? [...names.slice(0, MOST_NAMES), `${rest} more`] : names;
}

/** Where nobody could look. */
export function gapsOfUnmirrored({ unread }: Unmirrored): string[] {
  return unread.map(({ below, reason }) =>
    printable(`below ${below} it could not look: ${reason}`),
  );
}

/** Keys are of up to 768 bytes. */
function shortName(key: string): string {
  const characters = Array.from(key);
  if (characters.length <= MOST_CHARACTERS) return printable(key);
  return `${printable(characters.slice(0, MOST_CHARACTERS).join(''))}…`;
}
