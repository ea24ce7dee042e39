import { dateRangeIssue } from '../completions-only/reconcile/date-range';
import type { DateRange } from '../completions-only/reconcile/read-sides';
import { UsageError } from '../errors/mirror-error';
import {
  type CompletionLeaf,
  parseCompletionPath,
} from '../paths/quest-completions/completion-path';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';
import { printable } from './printable';

/** Reads an option that is a whole number. Throws UsageError that names it and the range. */
export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new UsageError(`${name}: expected a whole number from ${least} to ${most}`);
    }
    return value;
  };
}

/**
 * Collects the couples that `--couple` names. One that can't be a key of RTDB is refused at once: a
 * run of it could only fail, and would be taken up by every `--resume`.
 *
 * @throws UsageError
 */
export function coupleOption(coupleId: string, couples: string[] | undefined): string[] {
  const isKey = coupleId !== '' && !REFUSED_IN_KEY.test(coupleId);
  if (!isKey || Buffer.byteLength(coupleId) > MAX_KEY_BYTES) {
    throw new UsageError('--couple: expected an id of a couple, as RTDB has it under daily_quests');
  }
  return [...(couples ?? []), coupleId];
}

/** The days that --from and --to name; both are needed. Throws UsageError that says what is wrong. */
export function dateRangeOption({ from, to }: { from?: string; to?: string }): DateRange {
  if (!from || !to)
    throw new UsageError('--from and --to: which days? (YYYY-MM-DD, both included)');
  const range = { fromDate: from, toDate: to };
  const issue = dateRangeIssue(range);
  if (issue !== null) throw new UsageError(`--from, --to: ${issue}`);
  return range;
}

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
