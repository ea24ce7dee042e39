import { UsageError } from '../errors/mirror-error';
import type { Leaf, MirroredPath } from '../paths/mirrored-path';
import { printable } from '../values/printable';

/** A leaf that somebody names, and the path that mirrors it. */
export interface NamedLeaf {
  path: MirroredPath;
  leaf: Leaf;
  /** As RTDB has it, without a slash before it. */
  ref: string;
}

/**
 * Reads a leaf's path as people have it at hand: with or without a slash before it, or as a whole RTDB URL, whose
 * keys are percent-encoded.
 *
 * @throws UsageError that names the field, or the refs that are mirrored
 */
export function leafOfRef(text: string, paths: readonly MirroredPath[], now: string): NamedLeaf {
  const ref = /^https?:\/\//i.test(text) ? pathOfUrl(text) : text.replace(/^\//, '');
  const depth = ref.split('/').length;
  const near: string[] = [];
  for (const path of paths) {
    const parsed = path.parsePath(ref, now);
    if (parsed.ok) return { path, leaf: parsed.leaf, ref };
    const isOther = parsed.issues.some(({ field }) => field === 'ref');
    if (!isOther) near.push(...parsed.issues.map(({ field, message }) => `${field}: ${message}`));
  }
  if (near.length > 0) throw new UsageError(`REF: ${printable(near.join('; '))}`);
  const root = ref.split('/')[0];
  const alike = paths.filter((path) => path.ref.split('/')[0] === root);
  const expected = (alike.length > 0 ? alike : paths).map((path) => path.ref);
  throw new UsageError(`REF: ref: expected ${expected.join(', or ')}; it has ${depth} keys`);
}

function pathOfUrl(text: string): string {
  // Not URL's own pathname: it takes `%2e` and backslashes for something else.
  const path = text.replace(/^https?:\/\/[^/?#]*\/?/i, '').replace(/[?#].*$/s, '');
  try {
    // No key holds a dot, so this can only be REST's ending.
    return path
      .replace(/\.json$/, '')
      .split('/')
      .map(decodeURIComponent)
      .join('/');
  } catch {
    throw new UsageError('REF: expected a URL whose keys are percent-encoded UTF-8');
  }
}
