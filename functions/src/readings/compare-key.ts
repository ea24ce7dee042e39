import { isBeyondRetention, retentionBound } from '../mirror/claim';
import type { ColumnType } from '../paths/columns';
import type { Leaf, MirroredPath } from '../paths/mirrored-path';
import { instantOfMillis, millisOf, normalizeInstant } from '../values/event-time';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { valueHash } from '../values/jsonb-text';
import { canonicalValue, isSameValue } from '../values/rtdb-value';

import type { FoundLeaf } from './leaves-of-node';

/** A row of a path's table. Instants are normalized. */
export interface Row {
  parts: readonly string[];
  payload: Json;
  /** What the declaration derives, by column, as jsonb shows it. */
  columns: JsonObject;
  origin: string;
  eventId: string | null;
  /** Null = no event made the row. */
  eventTime: string | null;
  isTombstone: boolean;
  mirroredAt: string;
}

/** How a key differs. `client_only`: an old phone claimed it, and RTDB doesn't hold it; in neither rate. */
export type DifferenceKind =
  | 'missing_in_postgres'
  | 'missing_in_rtdb'
  | 'value_mismatch'
  | 'column_mismatch'
  | 'client_only';

/**
 * What both stores show of one key. `none`: neither holds it. `retained`: RTDB has dropped an old day, and the row
 * stays on purpose.
 */
export interface ComparedKey {
  ref: string;
  parts: readonly string[];
  state: 'none' | 'agrees' | 'retained' | DifferenceKind;
  /** RTDB's value in its canonical form; null = it holds nothing that counts. */
  rtdb: Json;
  /** Why the mirror refuses what RTDB holds; none where it doesn't. */
  refusals: readonly InputIssue[];
  row: Row | null;
  /** Of a `column_mismatch`: the columns, with what they should show. */
  columns: JsonObject;
}

export interface CompareOptions {
  path: MirroredPath;
  /** When the reading began. */
  readAt: string;
  /** How many days old a day may be in RTDB; 0 = kept forever. */
  retentionDays: number;
}

/** Compares one key. Pure. */
export function compareKey(
  { leaf, ref }: { leaf: Leaf; ref: string },
  found: FoundLeaf | null,
  row: Row | null,
  options: CompareOptions,
): ComparedKey {
  return { ref, parts: leaf.parts, row, ...judgeKey(leaf, found?.raw ?? null, row, options) };
}

/**
 * The same without what the key is called. Pure.
 *
 * @param raw what RTDB holds; null = nothing
 */
export function judgeKey(
  leaf: Leaf,
  raw: unknown,
  row: Row | null,
  options: CompareOptions,
): Pick<ComparedKey, 'state' | 'rtdb' | 'refusals' | 'columns'> {
  const { path, readAt } = options;
  const parsed = path.parseValue(raw, leaf, row?.eventTime ?? readAt);
  const rtdb = parsed.ok ? parsed.state.payload : parsed.value;
  const refusals = parsed.ok ? [] : parsed.issues;
  const live = row !== null && !row.isTombstone ? row : null;
  if (rtdb === null) {
    const state = live === null ? 'none' : stateWithoutLeaf(leaf, live, options);
    return { state, rtdb, refusals, columns: NO_COLUMNS };
  }
  if (live === null) return { state: 'missing_in_postgres', rtdb, refusals, columns: NO_COLUMNS };
  if (!parsed.ok || !isSameValue(rtdb, canonicalValue(live.payload))) {
    return { state: 'value_mismatch', rtdb, refusals, columns: NO_COLUMNS };
  }
  const columns = differingColumns(raw, leaf, parsed.state.columns, live, options);
  if (columns === null) return { state: 'agrees', rtdb, refusals, columns: NO_COLUMNS };
  return { state: 'column_mismatch', rtdb, refusals, columns };
}

const NO_COLUMNS: JsonObject = {};

function stateWithoutLeaf(
  leaf: Leaf,
  row: Row,
  { path, readAt, retentionDays }: CompareOptions,
): ComparedKey['state'] {
  const day = path.datedNodeOf(leaf)?.day;
  // What was written within the span is a user's own, whatever its day says.
  const isOld = row.eventTime === null || row.eventTime < retentionBound(readAt, retentionDays);
  if (day !== undefined && isOld && isBeyondRetention(day, readAt, retentionDays))
    return 'retained';
  return row.origin === 'client' ? 'client_only' : 'missing_in_rtdb';
}

/**
 * What the columns should show, where they don't; null = they all do. One that only an event's time tells is left
 * out without it.
 */
function differingColumns(
  raw: unknown,
  leaf: Leaf,
  expected: JsonObject,
  row: Row,
  { path, readAt }: CompareOptions,
): JsonObject | null {
  const differing: [name: string, wanted: Json][] = [];
  const { columns } = row;
  for (const name in path.columns) {
    const type = path.columns[name] as ColumnType;
    const wanted = expected[name] ?? null;
    const shown = columns[name] ?? null;
    if (wanted === shown || !Object.hasOwn(columns, name)) continue;
    if (!isSameColumn(type, wanted, shown)) differing.push([name, wanted]);
  }
  if (differing.length === 0) return null;
  if (row.origin === 'rtdb') return Object.fromEntries(differing);
  // Of another time, and one that a sane time of the value's own may lie beside.
  const earlier = instantOfMillis(millisOf(row.eventTime ?? readAt) - 1_000) ?? readAt;
  const elsewhere = path.parseValue(raw, leaf, earlier);
  if (!elsewhere.ok) return null;
  const sure = differing.filter(([name, wanted]) =>
    isSameValue(wanted, elsewhere.state.columns[name] ?? null),
  );
  return sure.length === 0 ? null : Object.fromEntries(sure);
}

function isSameColumn(type: string, wanted: Json, shown: Json): boolean {
  if (type === 'timestamp with time zone' && typeof shown === 'string') {
    return typeof wanted === 'string' && normalizeInstant(shown) === wanted;
  }
  return isSameValue(canonicalValue(wanted), canonicalValue(shown));
}

/** What tells whether a difference still stands as it did: RTDB's value, and the version of the row. */
export function seenOf({ rtdb, row }: Pick<ComparedKey, 'rtdb' | 'row'>): string {
  const version = row === null ? '' : `${row.eventId ?? ''} ${row.mirroredAt}`;
  return `${rtdb === null ? '-' : valueHash(rtdb).slice(0, 16)} ${version}`;
}
