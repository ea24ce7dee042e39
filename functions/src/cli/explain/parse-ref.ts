import { UsageError } from '../../errors/mirror-error';
import {
  type CompletionLeaf,
  parseCompletionPath,
} from '../../paths/quest-completions/completion-path';
import { printable } from '../printable';

/**
 * Reads a completion's path as people have it at hand: with or without a slash before it, or as a
 * whole RTDB URL, whose keys are percent-encoded.
 *
 * @throws UsageError that names the field
 */
export function parseRef(text: string): CompletionLeaf {
  const path = /^https?:\/\//i.test(text) ? pathOfUrl(text) : text.replace(/^\//, '');
  const parsed = parseCompletionPath(path, new Date().toISOString());
  if (parsed.ok) return parsed.leaf;
  const issues = parsed.issues.map(({ field, message }) => `${field}: ${message}`);
  throw new UsageError(`REF: ${printable(issues.join('; '))}`);
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
