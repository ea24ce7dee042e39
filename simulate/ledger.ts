import type { Leaf, MirroredPath } from '../functions/src/paths/mirrored-path';
import { stepsOfRef } from '../functions/src/paths/ref-pattern';
import type { Json, JsonObject } from '../functions/src/values/json';
import { canonicalValue } from '../functions/src/values/rtdb-value';
import type { DatabaseEvent } from '../rtdb-standin/triggers/database-event';
import type { Fault } from './faults';

/** An event as RTDB emitted it, and why the mirror didn't take it; none = it did, or still can. */
interface Entry {
  payload: Json;
  lostBy: readonly Fault[];
  isErasedFromAbove: boolean;
}

/** What Postgres has of a leaf: the value of its n-th event, or an old phone's claim. */
type Row = { by: 'event'; n: number } | { by: 'client' };

interface LeafBook {
  path: MirroredPath;
  ref: string;
  entries: Entry[];
  row: Row | null;
  /** What took the row away, or set it back. */
  undoneBy: Fault | null;
}

/** What the books say of one leaf. */
export interface Expected {
  path: string;
  ref: string;
  rtdb: Json;
  /** Of a live row; null = none, or a tombstone. */
  postgres: { payload: Json; isClient: boolean } | null;
  /** The faults, any of which would have made it differ. */
  culprits: readonly Fault[];
  /** Its last write was one of a node above it, and erased it. */
  isErasedFromAbove: boolean;
}

/** What was in the books at a moment, for a restore. */
export type Backup = ReadonlyMap<string, Row>;

/**
 * The simulation's own books, by leaf: what was written, what of it the mirror took, and which fault is to blame for
 * the rest. From them follows what both stores hold in the end, without looking at either.
 */
export class Ledger {
  readonly #leaves = new Map<string, LeafBook>();
  readonly #byEvent = new Map<string, { leaf: LeafBook; n: number }>();

  /** By node, the number of the last write that was made there. */
  readonly #writes = new Map<string, number>();
  #written = 0;

  /** A write is about to be made at that node. Its events come later, when the next one may be made already. */
  writesAt(path: readonly string[]): void {
    this.#written += 1;
    this.#writes.set(path.join('/'), this.#written);
  }

  /** @param lostBy the faults by which the mirror won't take it */
  wrote(path: MirroredPath, event: DatabaseEvent, lostBy: readonly Fault[]): void {
    const leaf = this.#leafAt(path, event.ref);
    const payload = payloadOf(path, valueAfter(event.data.data, event.data.delta), event);
    const isErasedFromAbove = payload === null && this.#wasWrittenAbove(event.ref);
    leaf.entries.push({ payload, lostBy, isErasedFromAbove });
    this.#byEvent.set(event.id, { leaf, n: leaf.entries.length - 1 });
  }

  /** An instance with the flag on acknowledged the event: it wins unless the row is newer. */
  mirrored(eventId: string): void {
    const known = this.#byEvent.get(eventId);
    if (known === undefined) return;
    const { leaf, n } = known;
    if (leaf.row?.by !== 'event' || leaf.row.n < n) leaf.row = { by: 'event', n };
  }

  /** The API took an old phone's second write: it stands only where there was no row. */
  claimed(path: MirroredPath, ref: string): void {
    const leaf = this.#leafAt(path, ref);
    leaf.row ??= { by: 'client' };
  }

  backUp(): Backup {
    const rows = new Map<string, Row>();
    for (const [id, { row }] of this.#leaves) if (row !== null) rows.set(id, row);
    return rows;
  }

  restore(backup: Backup): void {
    for (const [id, leaf] of this.#leaves) this.#undo(leaf, backup.get(id) ?? null, 'restore');
  }

  truncated(path: MirroredPath): void {
    for (const leaf of this.#leaves.values()) {
      if (leaf.path.name === path.name) this.#undo(leaf, null, 'truncate');
    }
  }

  /** Every leaf that was ever written or claimed. */
  expected(): Expected[] {
    return [...this.#leaves.values()].map((leaf) => ({
      path: leaf.path.name,
      ref: leaf.ref,
      rtdb: leaf.entries.at(-1)?.payload ?? null,
      postgres: shownBy(leaf),
      culprits: culpritsOf(leaf),
      isErasedFromAbove: leaf.entries.at(-1)?.isErasedFromAbove ?? false,
    }));
  }

  /** Whether the last write that changed the leaf was made at a node above it. */
  #wasWrittenAbove(ref: string): boolean {
    const keys = ref.split('/');
    const above = keys.slice(0, -1).map((_, n) => keys.slice(0, n + 1).join('/'));
    const lastAbove = Math.max(...above.map((node) => this.#writes.get(node) ?? 0));
    return lastAbove > (this.#writes.get(ref) ?? 0);
  }

  #undo(leaf: LeafBook, row: Row | null, by: Fault): void {
    if (JSON.stringify(leaf.row) === JSON.stringify(row)) return;
    leaf.row = row;
    leaf.undoneBy = by;
  }

  #leafAt(path: MirroredPath, ref: string): LeafBook {
    const id = `${path.name} ${ref}`;
    const known = this.#leaves.get(id);
    if (known) return known;
    const leaf: LeafBook = { path, ref, entries: [], row: null, undoneBy: null };
    this.#leaves.set(id, leaf);
    return leaf;
  }
}

function shownBy({ row, entries }: LeafBook): Expected['postgres'] {
  if (row === null) return null;
  if (row.by === 'client') return { payload: true, isClient: true };
  const payload = entries[row.n]?.payload ?? null;
  return payload === null ? null : { payload, isClient: false };
}

function culpritsOf({ entries, row, undoneBy }: LeafBook): Fault[] {
  const last = entries.at(-1);
  if (last === undefined) return ['client-disagrees'];
  if (row?.by === 'event' && row.n === entries.length - 1) return [];
  return [...last.lostBy, ...(undoneBy === null ? [] : [undoneBy])];
}

function payloadOf(path: MirroredPath, value: Json, { ref, time }: DatabaseEvent): Json {
  const leaf = leafOf(path, ref);
  const parsed = path.parseValue(value, leaf, time, false);
  if (!parsed.ok) throw new Error(`the world writes what ${path.name} refuses at ${ref}`);
  return parsed.state.payload;
}

/** The leaf of a ref, by the path's pattern. */
export function leafOf(path: MirroredPath, ref: string): Leaf {
  const keys = ref.split('/');
  const named = stepsOfRef(path.ref).flatMap((step, place) =>
    'part' in step ? [[step.part, keys[place] ?? ''] as const] : [],
  );
  return { key: Object.fromEntries(named), parts: named.map(([, key]) => key) };
}

/** An event's value after the write: `delta` laid over the value before; null removes. */
export function valueAfter(before: Json, delta: Json): Json {
  if (!isObject(before) || !isObject(delta)) return delta;
  const after: JsonObject = { ...asChildren(before) };
  for (const [key, change] of Object.entries(asChildren(delta))) {
    const value = valueAfter(after[key] ?? null, change);
    if (value === null) delete after[key];
    else after[key] = value;
  }
  // A list is a list again.
  return Array.isArray(before) ? canonicalValue(after) : after;
}

function isObject(value: Json): value is JsonObject | Json[] {
  return typeof value === 'object' && value !== null;
}

function asChildren(value: JsonObject | Json[]): JsonObject {
  return Array.isArray(value) ? Object.fromEntries(value.entries()) : value;
}
