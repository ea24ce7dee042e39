import type { ComparedKey } from './compare-key';
import { refOfParts } from './key-parts';
import type { Decision, Difference, Looked, ResolvedBy } from './reading';
import type { OpenDifference } from './shard-state';

/** More differences of a kind in one shard share a row. */
export const MAX_ROWS_OF_KIND = 100;
/** The same in the first reading of a shard: what nobody has copied yet is one finding. */
const MAX_ROWS_OF_FIRST = 3;

/** A row that stands for several keys. Odd places have no key either, and a row each. */
export function isShared({
  key,
  keys,
  kind,
}: Pick<OpenDifference, 'key' | 'keys' | 'kind'>): boolean {
  return key === null && (kind !== 'invalid_payload' || keys > 1);
}

type Changes = Pick<Decision, 'opened' | 'renewed' | 'resolved'>;

/**
 * Where a shard has too many differences of a kind, those without a row of their own share one; when few are left
 * they get rows of their own, with the bounds of the shared one. How many a shared row stands for only a full
 * reading can tell. Pure.
 *
 * @param standing how many differ by kind, those with a row of their own included
 */
export function shareRows(
  changes: Changes,
  standing: ReadonlyMap<string, number>,
  looked: Looked,
): Changes {
  let result = changes;
  const shared = looked.state.open.filter(isShared);
  for (const kind of new Set([...changes.opened, ...shared].map((one) => one.kind))) {
    const known = shared.find((one) => one.kind === kind) ?? null;
    result = shareRow(result, kind as Difference['kind'], standing.get(kind) ?? 0, known, looked);
  }
  return result;
}

function shareRow(
  changes: Changes,
  kind: Difference['kind'],
  count: number,
  known: OpenDifference | null,
  looked: Looked,
): Changes {
  const isOwn = (one: Difference) => one.kind === kind && one.resolvedBy === null;
  const own = changes.opened.filter(isOwn);
  const others = changes.opened.filter((one) => !isOwn(one));
  // The shared row may stand for them already; the next reading is a full one, which tells.
  if (looked.kind !== 'full' && known !== null) return { ...changes, opened: others };
  const most = isFirstLook(own, looked) ? MAX_ROWS_OF_FIRST : MAX_ROWS_OF_KIND;
  if (count > most) return together(changes, kind, own, others, known, looked);
  return known === null ? changes : apart(changes, own, others, known, looked);
}

/** Whether the first reading of the shard saw these first. */
function isFirstLook(own: readonly Difference[], { state: { reading } }: Looked): boolean {
  if (reading?.read_at == null) return true;
  const [first, ...later] = reading.whole_at;
  return (
    later.length === 0 &&
    own.every((one) => one.writtenAfter === null && one.writtenBefore === first)
  );
}

function together(
  changes: Changes,
  kind: Difference['kind'],
  own: readonly Difference[],
  others: readonly Difference[],
  known: OpenDifference | null,
  { path, shard, state, compared }: Looked,
): Changes {
  if (known !== null) {
    const over = shrunk(known, known.keys - own.length, compared);
    const renewed = [...changes.renewed, { id: known.id, keys: own.length }];
    return { ...changes, opened: [...others, ...over], renewed };
  }
  const bounds = own.map(({ writtenAfter }) => writtenAfter);
  const row: Difference = {
    ...{ ref: refOfParts(path.ref, [shard]), kind, compared: null, odd: null, keys: own.length },
    // Of all of them: the earliest at which any may have been written.
    writtenAfter: bounds.includes(null) ? null : (bounds.sort()[0] ?? null),
    writtenBefore: own[0]?.writtenBefore ?? state.readAt,
    resolvedBy: null,
  };
  return { ...changes, opened: [...others, row] };
}

function apart(
  changes: Changes,
  own: readonly Difference[],
  others: readonly Difference[],
  known: OpenDifference,
  { compared }: Looked,
): Changes {
  const { written_after: writtenAfter, written_before: writtenBefore } = known;
  const by = known.keys > own.length ? filledBy(compared) : 'gone';
  return {
    ...changes,
    opened: [...others, ...own.map((one) => ({ ...one, writtenAfter, writtenBefore }))],
    resolved: [...changes.resolved, { id: known.id, by }],
  };
}

/** What a shared row no longer stands for is a finding of its own, which is over. */
function shrunk(
  { ref, kind, written_after: writtenAfter, written_before: writtenBefore }: OpenDifference,
  keys: number,
  compared: readonly ComparedKey[],
): Difference[] {
  if (keys <= 0) return [];
  const bounds = { writtenAfter, writtenBefore, resolvedBy: filledBy(compared) };
  return [{ ref, kind: kind as Difference['kind'], compared: null, odd: null, keys, ...bounds }];
}

/** Who filled what a shared row stood for. Of each key nobody knows: so what speaks least for the mirror. */
function filledBy(compared: readonly ComparedKey[]): ResolvedBy {
  const origins = new Set(compared.map(({ row }) => row?.origin));
  return (['backfill', 'repair', 'client'] as const).find((one) => origins.has(one)) ?? 'event';
}
