import { isRecord, type Json } from '../data/json';
import { type Path, parsePath } from '../data/path';
import { RtdbError } from '../rtdb-error';

export type QueryIndex =
  | { readonly kind: 'key' | 'value' | 'priority' }
  | { readonly kind: 'child'; readonly path: Path };

/** One end of a range: by the index's value, then by key where the value ties. */
export interface QueryBound {
  readonly value: Json;
  readonly key: string | null;
  readonly inclusive: boolean;
}

/** A query on the children of a node. */
export interface QuerySpec {
  readonly index: QueryIndex;
  readonly start: QueryBound | null;
  readonly end: QueryBound | null;
  readonly limit: { readonly count: number; readonly from: 'first' | 'last' } | null;
}

/** `$key`, `$value`, `$priority`, or a path to a child. Throws `RtdbError` `invalid`. */
export function parseIndex(name: string): QueryIndex {
  switch (name) {
    case '$key':
    case '.key':
      return { kind: 'key' };
    case '$value':
    case '.value':
      return { kind: 'value' };
    case '$priority':
    case '.priority':
      return { kind: 'priority' };
    default: {
      const path = parsePath(name);
      if (path.length === 0) {
        throw new RtdbError('invalid', 'orderBy must be a valid JSON encoded path');
      }
      return { kind: 'child', path };
    }
  }
}

export function toJson(value: unknown): Json {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
    return value as Json;
  }
  throw new RtdbError('invalid', 'Constraint index field must be a JSON primitive');
}

function wireBound(value: unknown, name: unknown, inclusive: unknown): QueryBound | null {
  if (value === undefined) {
    return null;
  }
  const key = typeof name === 'string' ? name : null;
  return { value: toJson(value), key, inclusive: inclusive !== false };
}

/**
 * The `q` object of the SDKs' listen and get requests (`sp`, `sn`, `sin`, `ep`, `en`, `ein`, `l`,
 * `vf`, `i`); null for the default query. As `queryParamsGetQueryObject` of `@firebase/database`.
 */
export function parseWireQuery(query: unknown): QuerySpec | null {
  if (!isRecord(query) || Object.keys(query).length === 0) {
    return null;
  }
  const index = typeof query.i === 'string' ? parseIndex(query.i) : parseIndex('.priority');
  const count = query.l;
  if (count !== undefined && !(Number.isInteger(count) && Number(count) > 0)) {
    throw new RtdbError('invalid', 'limit must be a positive integer');
  }
  return {
    index,
    start: wireBound(query.sp, query.sn, query.sin),
    end: wireBound(query.ep, query.en, query.ein),
    limit: typeof count === 'number' ? { count, from: query.vf === 'r' ? 'last' : 'first' } : null,
  };
}
