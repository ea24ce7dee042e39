import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import { stepsOfRef } from '../paths/ref-pattern';

/** The day of no app. */
const CANARY_DAY = '2000-01-01';

/** Where a path's canary sits. */
export interface CanaryLeaf {
  /** In RTDB: literal keys, not encoded. */
  path: readonly string[];
  /** Its row's key, in order. */
  parts: readonly string[];
}

/** One leaf of each path for ever, so that canaries don't pile up. Pure. */
export function canaryLeaf({ ref, dayColumn }: MirroredPath): CanaryLeaf {
  const parts: string[] = [];
  const path = stepsOfRef(ref).map((step) => {
    if ('literal' in step) return step.literal;
    const part = parts.length === 0 ? CANARY_COUPLE : partOf(step.column, dayColumn);
    parts.push(part);
    return part;
  });
  return { path, parts };
}

function partOf(column: string, dayColumn: string | null): string {
  return column === dayColumn ? CANARY_DAY : 'canary';
}

/** The parameters of CANARY_ROW. */
export function canaryRowValues(mirrored: MirroredPath): unknown[] {
  return [mirrored.name, canaryLeaf(mirrored).parts];
}
