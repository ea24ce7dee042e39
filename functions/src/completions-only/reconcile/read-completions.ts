import { completionPath, parseCompletionPath } from '../../paths/quest-completions/completion-path';
import { parseCompletionValue } from '../../paths/quest-completions/completion-value';
import type { InputIssue, Json } from '../../values/json';
import { asEvidence, escapeText } from '../../values/storable';
import type { ReadCompletion, RefusedLeaf } from '../postgres/backfills';
import type { LeafReading } from './compare-leaf';
import type { Leaf } from './leaves-of-couple';
import { ownTimeOf } from './write-span';

/** The leaves of RTDB that are completions, and those that the mirror refuses, with why. */
export function sortLeaves(leaves: Iterable<Leaf>): {
  completions: ReadCompletion[];
  refused: RefusedLeaf[];
} {
  const completions: ReadCompletion[] = [];
  const refused: RefusedLeaf[] = [];
  const now = new Date().toISOString();
  for (const { key, reading } of leaves) {
    if (reading.completed === false) continue;
    const path = parseCompletionPath(completionPath(key), now);
    if (reading.completed === null) {
      const parsed = parseCompletionValue(reading.value, '1970-01-01T00:00:00.000000Z');
      const issues = [...(path.ok ? [] : path.issues), ...(parsed.ok ? [] : parsed.issues)];
      refused.push(refusedLeaf(key, reading.value, issues));
    } else if (!path.ok) refused.push(refusedLeaf(key, reading.payload, path.issues));
    else {
      const { payload } = reading;
      const completedAt = completedAtOf(key.dateKey, reading);
      completions.push({ leaf: path.leaf, completedAt, payload });
    }
  }
  return { completions, refused };
}

/** Without a time of its own, and no event to tell it: the end of its day, or now. */
export function completedAtOf(
  dateKey: string,
  reading: Extract<LeafReading, { completed: true }>,
): string {
  const endOfDay = `${dateKey}T23:59:59.999999Z`;
  const hasOwnTime = ownTimeOf({ leaf: reading }, new Date()) !== null;
  return hasOwnTime || reading.completedAt < endOfDay ? reading.completedAt : endOfDay;
}

/** A completion that Postgres refuses for good. */
export function rejectedWrite(
  { leaf, payload }: ReadCompletion,
  sqlstate: string | null,
): RefusedLeaf {
  return {
    ...refusedLeaf(leaf, payload, []),
    kind: 'write_rejected',
    detail: { sqlstate, found_by: 'backfill' },
  };
}

function refusedLeaf(key: Leaf['key'], value: Json, issues: InputIssue[]): RefusedLeaf {
  return {
    ref: escapeText(completionPath(key)),
    coupleId: escapeText(key.coupleId),
    dateKey: key.dateKey,
    questId: escapeText(key.questId),
    userId: escapeText(key.userId),
    kind: 'invalid_payload',
    rtdbValue: asEvidence(value),
    detail: {
      issues: issues.map(({ field, message }) => ({ field: escapeText(field), message })),
      found_by: 'backfill',
    },
  };
}
