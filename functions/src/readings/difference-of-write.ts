import type { ComparedKey, DifferenceKind } from './compare-key';
import { keyId } from './key-parts';
import type { ProofTimes } from './proof-times';
import type { Difference, Looked } from './reading';
import { lastLookAt } from './reading-times';
import { isShared } from './shared-rows';

/**
 * A key that a backfill or a repair writes, as a difference that is found and over in one go, with the bounds that a
 * reading would give it. Pure.
 *
 * @returns isTold false: it is of a shard's first copy, where nothing tells that it was lost
 */
export function differenceOfWrite(
  compared: ComparedKey,
  kind: DifferenceKind,
  by: 'backfill' | 'repair',
  looked: Looked,
  times: ProofTimes,
): { difference: Difference; isTold: boolean } {
  const suspect = suspectsOf(looked).get(keyId(compared.parts));
  const { path, state } = looked;
  const { day } = path.placeOf({ key: {}, parts: compared.parts });
  const presence = kind === 'missing_in_postgres' || kind === 'missing_in_rtdb';
  const at = { day, presence, movedAt: compared.row?.mirroredAt ?? null };
  const writtenAfter = suspect === undefined ? lastLookAt(state, at, times) : suspect.written_after;
  const lastKnown = suspect === undefined ? (state.reading?.read_at ?? null) : writtenAfter;
  return {
    difference: {
      ...{ ref: compared.ref, kind, compared, odd: null, keys: 1, writtenAfter },
      writtenBefore: suspect?.looked_at ?? state.readAt,
      resolvedBy: by,
    },
    isTold: kind !== 'missing_in_postgres' || !isFirstCopy(looked, lastKnown),
  };
}

function isFirstCopy({ state }: Looked, lastKnown: string | null): boolean {
  if (state.open.some((open) => open.kind === 'missing_in_postgres' && isShared(open))) return true;
  if (lastKnown !== null) return false;
  const passed = state.pathBooks.first_pass_at;
  // A shard that stood before all was read once; nothing shows it.
  return passed === null || (state.reading?.first_seen_at ?? state.readAt) <= passed;
}

function suspectsOf({ path, state }: Looked) {
  return new Map(
    state.suspects.map((suspect) => {
      const parts = path.keyColumns.map((column) => String(suspect.key[column] ?? ''));
      return [keyId(parts), suspect] as const;
    }),
  );
}
