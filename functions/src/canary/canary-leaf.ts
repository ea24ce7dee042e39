import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE, CANARY_DAY } from '../paths/quest-completions/canary-couple';
import { stepsOfRef } from '../paths/ref-pattern';

/** Where a path's canary sits. */
export interface CanaryLeaf {
  /** In RTDB: literal keys, not encoded. */
  path: readonly string[];
  /** Its row's key, in order. */
  parts: readonly string[];
}

/** Always the same leaf of a path, so that canaries don't pile up. Pure. */
export function canaryLeaf({ ref, dayColumn }: MirroredPath): CanaryLeaf {
  const parts: string[] = [];
  const path = stepsOfRef(ref).map((step) => {
    if ('literal' in step) return step.literal;
    const part = partOf(step.column, dayColumn, parts.includes(CANARY_COUPLE));
    parts.push(part);
    return part;
  });
  return { path, parts };
}

/** The couple comes first, but for a day. */
function partOf(column: string, dayColumn: string | null, hasCouple: boolean): string {
  if (column === dayColumn) return CANARY_DAY;
  return hasCouple ? 'canary' : CANARY_COUPLE;
}

/** What CANARY_ROW takes. */
export function canaryRowOf(mirrored: MirroredPath): { path: string; key: readonly string[] } {
  return { path: mirrored.name, key: canaryLeaf(mirrored).parts };
}
