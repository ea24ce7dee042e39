import { RtdbError } from '../rtdb-error';
import { assertValidKey } from './key';

/** Keys from the root down; empty is the root. */
export type Path = readonly string[];

/** 32 levels, and `.priority`. */
const MAX_PATH_LENGTH = 33;

/** Splits `a/b/c`; empty segments are ignored. Throws `RtdbError` `invalid` on a key that RTDB refuses. */
export function parsePath(text: string): Path {
  return checkedPath(text.split('/'));
}

/** A path may end in `.priority`. */
function checkedPath(segments: readonly string[]): Path {
  const keys = segments.filter((key) => key !== '');
  if (keys.length > MAX_PATH_LENGTH) {
    throw new RtdbError('invalid', 'Invalid path: deeper than 32 levels');
  }
  keys.forEach((key, index) => {
    const isPriority = key === '.priority' && index === keys.length - 1;
    if (!isPriority) {
      assertPathKey(key);
    }
  });
  return keys;
}

function assertPathKey(key: string): void {
  try {
    assertValidKey(key);
  } catch {
    throw new RtdbError('invalid', 'Invalid path: Invalid token in path');
  }
}

/** As `parsePath`, for a path whose segments are percent-encoded (REST). */
export function parseEncodedPath(text: string): Path {
  try {
    return checkedPath(text.split('/').map((segment) => decodeURIComponent(segment)));
  } catch (error) {
    if (error instanceof URIError) {
      throw new RtdbError('invalid', 'Invalid path: Invalid percent-encoding');
    }
    throw error;
  }
}

export function formatPath(path: Path): string {
  return path.join('/');
}
