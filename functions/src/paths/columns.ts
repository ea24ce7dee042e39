import { instantOfMillis, normalizeInstant } from '../values/event-time';
import type { Json } from '../values/json';
import { canonicalValue, isTooDeep } from '../values/rtdb-value';
import { findUnstorable, isStorable } from '../values/storable';

/** The SQL type of a column, as Postgres spells it. */
export type ColumnType =
  | 'text'
  | 'integer'
  | 'bigint'
  | 'double precision'
  | 'boolean'
  | 'timestamp with time zone'
  | 'jsonb';

/** A value of RTDB to be looked into; each field may be missing, or be of any other type. */
export interface RtdbView {
  readonly [field: string]: RtdbView | undefined;
}

/** What a column may look at besides the value. */
export interface ColumnContext {
  /** The parts of the ref by name. */
  key: Readonly<Record<string, string>>;
  /** Normalized instant of the write. */
  eventTime: string;
}

/** How a column gets what it shows. It never refuses: what its type can't hold is null. */
export interface Column {
  readonly type: ColumnType;
  /** May throw: then the column is null. */
  read(value: RtdbView, context: ColumnContext): unknown;
}

type Read = (value: RtdbView, context: ColumnContext) => unknown;

/** Text. A local time, without a zone, is one: no instant can be told from it. */
export function text(read: Read): Column {
  return { type: 'text', read };
}

/** A whole number from -2,147,483,648 to 2,147,483,647. */
export function integer(read: Read): Column {
  return { type: 'integer', read };
}

/** A whole number that JavaScript holds exactly: up to 2^53 - 1. */
export function bigint(read: Read): Column {
  return { type: 'bigint', read };
}

/** Any number of RTDB. */
export function double(read: Read): Column {
  return { type: 'double precision', read };
}

export function boolean(read: Read): Column {
  return { type: 'boolean', read };
}

/**
 * An instant: milliseconds since 1970, or ISO 8601 text with a zone. A number below 1e11 is most likely
 * seconds, and shows nothing; `mirror.instant_of` takes the same numbers.
 */
export function instant(read: Read): Column {
  return { type: 'timestamp with time zone', read };
}

/**
 * How many children a node has: RTDB shows one node as a list or as a map, depending on how full it is,
 * and a list may have holes.
 */
export function count(read: Read): Column {
  return { type: 'integer', read: (value, context) => childrenIn(read(value, context)) };
}

/** Any value, as jsonb. */
export function json(read: Read): Column {
  return { type: 'jsonb', read };
}

/** What the column has: a value that its type holds, nothing, or something else (a drift). */
export type Held = { holds: true; value: Json } | { holds: false };

const NOTHING: Held = { holds: true, value: null };
const DRIFT: Held = { holds: false };

/** What a column shows of a value. Pure; never throws. */
export function holdColumn(column: Column, value: RtdbView, context: ColumnContext): Held {
  const found = readColumn(column, value, context);
  // A function is what text and lists have under a name such as `at`: RTDB has no such field there.
  if (found === undefined || found === null || typeof found === 'function') return NOTHING;
  // What many columns show, and it is normalized.
  if (found === context.eventTime && column.type === 'timestamp with time zone')
    return { holds: true, value: found };
  const held = HOLDERS[column.type](found);
  return held === undefined ? DRIFT : { holds: true, value: held };
}

function readColumn(column: Column, value: RtdbView, context: ColumnContext): unknown {
  try {
    return column.read(value, context);
  } catch {
    // It looked into what isn't there.
    return null;
  }
}

/** Null for what isn't there: RTDB keeps no empty node. */
function childrenIn(node: unknown): unknown {
  if (node === undefined || node === null || typeof node === 'function') return null;
  if (typeof node !== 'object') return NOT_A_COUNT;
  const children = Object.values(node).filter((child) => child !== null);
  return children.length === 0 ? null : children.length;
}

/** No column holds it. */
const NOT_A_COUNT = Number.NaN;
const INT4 = 2 ** 31;
/** 1973, in milliseconds. */
const MIN_SANE_MS = 1e11;
const HAS_ZONE = /(Z|[+-]\d{2}:?\d{2})$/i;

/** What each type makes of a value; undefined = it can't hold that. */
const HOLDERS: Readonly<Record<ColumnType, (value: unknown) => Json | undefined>> = {
  text: (value) => (typeof value === 'string' && isStorable(value) ? value : undefined),
  integer: (value) => (isWhole(value) && value >= -INT4 && value < INT4 ? value : undefined),
  bigint: (value) => (isWhole(value) ? value : undefined),
  'double precision': (value) =>
    typeof value === 'number' && Number.isFinite(value) ? value : undefined,
  boolean: (value) => (typeof value === 'boolean' ? value : undefined),
  'timestamp with time zone': (value) => {
    if (typeof value === 'number') {
      return value >= MIN_SANE_MS ? (instantOfMillis(value) ?? undefined) : undefined;
    }
    if (typeof value !== 'string' || !HAS_ZONE.test(value)) return undefined;
    return normalizeInstant(value) ?? undefined;
  },
  // A column may make a value that RTDB never had: half of an emoji, a loop.
  jsonb: (value) => {
    if (isTooDeep(value)) return undefined;
    const json = canonicalValue(value);
    return json === null || findUnstorable(json, '') !== null ? undefined : json;
  },
};

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

/** The context of a leaf's columns; null = the leaf isn't known. */
export function contextOf(key: ColumnContext['key'] | null, eventTime: string): ColumnContext {
  return { key: key ?? NO_KEY, eventTime };
}

const NO_KEY: ColumnContext['key'] = Object.freeze(Object.create(null));
