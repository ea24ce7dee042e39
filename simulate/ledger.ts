import {
  type Comparison,
  compareLeaf,
} from '../functions/src/completions-only/reconcile/compare-leaf';
import {
  type CompletionLeaf,
  completionPath,
} from '../functions/src/paths/quest-completions/completion-path';
import {
  type CompletionState,
  parseCompletionValue,
} from '../functions/src/paths/quest-completions/completion-value';
import type { Json, JsonObject } from '../functions/src/values/json';
import type { DatabaseEvent } from '../rtdb-standin/triggers/database-event';

/** An event as RTDB emitted it, and whether the mirror took it. */
interface LedgerEntry {
  id: string;
  state: CompletionState;
  isMirrored: boolean;
}

/** What the two stores should show at the end, by kind of comparison, and at which leaves. */
export type Prediction = Record<Comparison, number>;

/**
 * The simulation's own books: what was written, and what of it reached the mirror. From them follows
 * what both stores hold in the end, without looking at either.
 */
export class Ledger {
  readonly #leaves = new Map<string, LedgerEntry[]>();
  readonly #entries = new Map<string, LedgerEntry>();
  readonly #claimed = new Set<string>();

  wrote(event: DatabaseEvent): void {
    const parsed = parseCompletionValue(valueAfter(event.data.data, event.data.delta), event.time);
    if (!parsed.ok) throw new Error('the world writes completions only');
    const entry = { id: event.id, state: parsed.state, isMirrored: false };
    this.#entries.set(event.id, entry);
    const entries = this.#leaves.get(event.ref);
    if (entries) entries.push(entry);
    else this.#leaves.set(event.ref, [entry]);
  }

  /** An instance with the flag on acknowledged the event. */
  mirrored(eventId: string): void {
    const entry = this.#entries.get(eventId);
    if (entry) entry.isMirrored = true;
  }

  /** The API took an old phone's second write. */
  claimed(leaf: CompletionLeaf): void {
    this.#claimed.add(completionPath(leaf));
  }

  get events(): number {
    return this.#entries.size;
  }

  /** Compares what RTDB shows with what Postgres must show, by the rules of docs/guarantees.md. */
  predict(): Prediction {
    const counts: Prediction = {
      matched: 0,
      absent: 0,
      missing_in_postgres: 0,
      missing_in_rtdb: 0,
      value_mismatch: 0,
    };
    for (const ref of new Set([...this.#leaves.keys(), ...this.#claimed])) {
      const entries = this.#leaves.get(ref) ?? [];
      const leaf = entries.at(-1)?.state ?? null;
      counts[compareLeaf(leaf, this.#row(ref, entries))] += 1;
    }
    return counts;
  }

  /** The newest event that came wins; a claim stands only where none did. */
  #row(
    ref: string,
    entries: readonly LedgerEntry[],
  ): { payload: Json; isTombstone: boolean } | null {
    const shown = entries.findLast(({ isMirrored }) => isMirrored)?.state;
    if (shown === undefined) {
      return this.#claimed.has(ref) ? { payload: true, isTombstone: false } : null;
    }
    return shown.completed
      ? { payload: shown.payload, isTombstone: false }
      : { payload: null, isTombstone: true };
  }
}

/** An event's value after the write: `delta` laid over the value before; null removes. */
export function valueAfter(before: Json, delta: Json): Json {
  if (!isObject(before) || !isObject(delta)) return delta;
  const after: JsonObject = { ...before };
  for (const [key, change] of Object.entries(delta)) {
    const value = valueAfter(after[key] ?? null, change);
    if (value === null) delete after[key];
    else after[key] = value;
  }
  return after;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
