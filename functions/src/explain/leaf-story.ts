import type { Leaf, MirroredPath } from '../paths/mirrored-path';
import type { RowOf, Statements } from '../postgres/statements';
import { type ComparedKey, compareKey, type Row } from '../readings/compare-key';
import { isKeyErased } from '../readings/erased-keys';
import { keyObject, refOfParts } from '../readings/key-parts';
import type { ProofTimes } from '../readings/proof-times';
import { lastLookAt } from '../readings/reading-times';
import { BEGIN_READING, type ShardState } from '../readings/shard-state';
import { normalizeInstant } from '../values/event-time';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import { escapeText } from '../values/storable';
import { DIRECT_WRITE_OF_LEAF, DIVERGENCES_OF_LEAF, GAPS_OF_LEAF, ROW_OF } from './leaf-evidence';
import type { NamedLeaf } from './leaf-of-ref';

/** A row with its version, as people are shown it. */
export interface ShownRow {
  payload: Json;
  /** What the declaration derives, and whatever else the table has. */
  columns: JsonObject;
  origin: string;
  eventId: string | null;
  /** Null where any event wins over the row: a claim, a backfill. */
  eventTime: string | null;
  isTombstone: boolean;
  deletedAt: string | null;
  mirroredAt: string;
  lagMs: number | null;
}

/** All that the stores know of one leaf. */
export interface LeafStory {
  path: string;
  ref: string;
  /** By key column. */
  key: JsonObject;
  /** When it was told, by the database's clock. */
  asOf: string;
  /** `erased`: RTDB holds it, and the id of somebody who was erased stands in its key. */
  comparison: ComparedKey['state'] | 'erased';
  /** Columns that don't follow from the payload, with what they should show. */
  columns: JsonObject;
  rtdb: {
    value: Json;
    /** What the mirror refuses of the value. */
    issues: readonly InputIssue[];
  };
  row: ShownRow | null;
  /** When a write that one store doesn't show was made: since the last reading that looked at it; null = whenever. */
  bounds: { after: string | null; before: string };
  /** Of the leaf, and of what lies above it, oldest first. */
  divergences: RowOf<typeof DIVERGENCES_OF_LEAF>[];
  /** The last write that went past the mirror. */
  directWrite: RowOf<typeof DIRECT_WRITE_OF_LEAF> | null;
  /** Times in which mirroring was not fully on, and which touch the bounds or a write of the leaf. */
  gaps: RowOf<typeof GAPS_OF_LEAF>[];
  /** What readings know of its shard; null = nobody knows of the shard yet. */
  reading: ShownReading | null;
  /** Where it differed at the last look, and is to be looked at again: since when, and how often it was. */
  suspect: { lookedAt: string; looks: number } | null;
}

/** A shard's row of `mirror.readings`. */
export interface ShownReading {
  readAt: string | null;
  fullAt: string | null;
  touchedAt: string | null;
  dueAt: string;
  keys: number;
  inFlight: number;
  failedAt: string | null;
  error: string | null;
}

/** What Postgres alone shows of a leaf. */
export type ShownSide = Omit<LeafStory, 'comparison' | 'columns' | 'rtdb'>;

/** The same, to be set beside RTDB. */
export interface PostgresSide extends ShownSide {
  leaf: Leaf;
  declared: MirroredPath;
  isErased: boolean;
}

/** Reads what Postgres knows of a leaf. Rejects as `statements` do. */
export async function readPostgresSide(
  { path, leaf, ref }: NamedLeaf,
  statements: Statements,
  times: ProofTimes,
): Promise<PostgresSide> {
  const { name } = path;
  const key = keyObject(path, leaf.parts);
  const [state, { shown }, divergences, directWrite] = await Promise.all([
    BEGIN_READING.one(statements, {
      paths: [name],
      shard: leaf.parts[0] ?? '',
      movedWithinDays: 0,
    }),
    ROW_OF.one(statements, { path: name, parts: [...leaf.parts] }),
    DIVERGENCES_OF_LEAF.all(statements, { path: name, refs: refsOf(path, leaf) }),
    DIRECT_WRITE_OF_LEAF.first(statements, { path: name, key }),
  ]);
  const row = shown === null ? null : shownRow(shown, path);
  const bounds = boundsOf(leaf, path, row, divergences, state, times);
  const writes = [row?.eventTime, row?.mirroredAt, ...divergences.map((one) => one.eventTime)];
  const gaps = await GAPS_OF_LEAF.all(statements, {
    ...{ path: name, after: bounds.after, before: bounds.before },
    writes: writes.flatMap((at) => at ?? []),
  });
  const isErased = state.pathBooks.has_erased && (await isKeyErased(leaf.parts, statements));
  return {
    ...{ path: name, ref, key, asOf: state.readAt, row, bounds, divergences, directWrite, gaps },
    isErased,
    reading: shownReading(state),
    suspect: shownSuspect(state, key),
    ...{ leaf, declared: path },
  };
}

/** Sets what RTDB holds beside what Postgres knows. Pure. */
export function tellStory(side: PostgresSide, raw: unknown, retentionDays: number): LeafStory {
  const { leaf, declared, isErased, ...known } = side;
  const { ref, asOf: readAt, row } = side;
  const compared = compareKey(
    { leaf, ref },
    raw === null ? null : { leaf, ref, raw },
    row && comparableRow(row, leaf, declared),
    { path: declared, readAt, retentionDays },
  );
  return {
    ...known,
    comparison: isErased && compared.state === 'missing_in_postgres' ? 'erased' : compared.state,
    columns: compared.columns,
    rtdb: { value: canonicalValue(raw), issues: compared.refusals },
  };
}

/** The leaf's own ref, and those of the nodes above it down to the shard's. */
function refsOf({ ref }: MirroredPath, { parts }: Leaf): string[] {
  const refs = parts.map((_, n) => escapeText(refOfParts(ref, parts.slice(0, n + 1))));
  const whole = refOfParts(ref, parts).split('/');
  const nodes = whole.map((_, n) => escapeText(whole.slice(0, n + 1).join('/')));
  const shardDepth = refs[0]?.split('/').length ?? 1;
  return [...new Set([...nodes.slice(shardDepth - 1), ...refs])];
}

function boundsOf(
  leaf: Leaf,
  path: MirroredPath,
  row: ShownRow | null,
  divergences: LeafStory['divergences'],
  state: ShardState,
  times: ProofTimes,
): LeafStory['bounds'] {
  const open = divergences.find((one) => one.resolvedAt === null && one.writtenBefore !== null);
  if (open?.writtenBefore) return { after: open.writtenAfter, before: open.writtenBefore };
  const { day } = path.placeOf(leaf);
  const at = { day, presence: true, movedAt: row?.mirroredAt ?? null };
  return { after: lastLookAt(state, at, times), before: state.readAt };
}

const OWN_COLUMNS = new Set([
  ...['payload', 'origin', 'event_id', 'event_time', 'deleted_at', 'mirrored_at', '_lag_ms'],
]);

function shownRow(shown: JsonObject, { keyColumns }: MirroredPath): ShownRow {
  const text = (name: string) => (typeof shown[name] === 'string' ? shown[name] : null);
  const instant = (name: string) => normalizeInstant(text(name) ?? '');
  const lagMs = shown._lag_ms;
  return {
    payload: shown.payload ?? null,
    columns: Object.fromEntries(
      Object.entries(shown).filter(
        ([name]) => !OWN_COLUMNS.has(name) && !keyColumns.includes(name),
      ),
    ),
    origin: text('origin') ?? '',
    eventId: text('event_id'),
    eventTime: instant('event_time'),
    isTombstone: shown.deleted_at !== null,
    deletedAt: instant('deleted_at'),
    mirroredAt: instant('mirrored_at') ?? '',
    lagMs: typeof lagMs === 'number' ? lagMs : null,
  };
}

function shownReading({ reading }: ShardState): ShownReading | null {
  if (reading === null) return null;
  return {
    ...{ readAt: reading.read_at, fullAt: reading.full_at, touchedAt: reading.touched_at },
    ...{ dueAt: reading.due_at, keys: reading.keys, inFlight: reading.in_flight },
    ...{ failedAt: reading.failed_at, error: reading.error },
  };
}

function shownSuspect({ suspects }: ShardState, key: JsonObject): LeafStory['suspect'] {
  const suspect = suspects.find((one) => isSameKey(one.key, key));
  return suspect === undefined ? null : { lookedAt: suspect.looked_at, looks: suspect.looks };
}

function comparableRow(row: ShownRow, { parts }: Leaf, { columns }: MirroredPath): Row {
  const { payload, origin, eventId, eventTime, isTombstone, mirroredAt } = row;
  const derived = Object.fromEntries(
    Object.entries(row.columns).filter(([name]) => Object.hasOwn(columns, name)),
  );
  return {
    ...{ parts, payload, columns: derived, origin, eventId, eventTime, isTombstone, mirroredAt },
  };
}

function isSameKey(a: JsonObject, b: JsonObject): boolean {
  return Object.keys(b).every((column) => a[column] === b[column]);
}
