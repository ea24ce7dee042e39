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
function parseIndex(name: string): QueryIndex {
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

/** The text that `.indexOn` has for this index; null when no index has to be declared. */
export function requiredIndex(index: QueryIndex): string | null {
  switch (index.kind) {
    case 'child':
      return index.path.join('/');
    case 'value':
      return '.value';
    default:
      return null;
  }
}

function toJson(value: unknown): Json {
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
  return {
    index,
    start: wireBound(query.sp, query.sn, query.sin),
    end: wireBound(query.ep, query.en, query.ein),
    limit: typeof count === 'number' ? { count, from: query.vf === 'r' ? 'last' : 'first' } : null,
  };
}

const REST_FILTERS = [
  'startAt',
  'startAfter',
  'endAt',
  'endBefore',
  'equalTo',
  'limitToFirst',
  'limitToLast',
] as const;

function jsonParameter(parameters: URLSearchParams, name: string): Json | undefined {
  const text = parameters.get(name);
  if (text === null) {
    return undefined;
  }
  try {
    return toJson(JSON.parse(text));
  } catch (error) {
    if (error instanceof RtdbError) {
      throw error;
    }
    throw new RtdbError('invalid', `${name} must be valid JSON (strings need quotes)`);
  }
}

function limitParameter(parameters: URLSearchParams): QuerySpec['limit'] {
  const first = jsonParameter(parameters, 'limitToFirst');
  const last = jsonParameter(parameters, 'limitToLast');
  if (first !== undefined && last !== undefined) {
    throw new RtdbError('invalid', 'Only one of limitToFirst and limitToLast may be specified');
  }
  const count = first ?? last;
  if (count === undefined) {
    return null;
  }
  if (typeof count !== 'number' || !Number.isInteger(count) || count <= 0) {
    throw new RtdbError('invalid', 'limit must be a positive integer');
  }
  return { count, from: first === undefined ? 'last' : 'first' };
}

/**
 * `orderBy` and its filters from a REST request; null without any. Throws `RtdbError` `invalid`.
 * https://firebase.google.com/docs/database/rest/retrieve-data
 */
export function parseRestQuery(parameters: URLSearchParams): QuerySpec | null {
  const orderBy = jsonParameter(parameters, 'orderBy');
  if (orderBy === undefined) {
    if (REST_FILTERS.some((name) => parameters.has(name))) {
      throw new RtdbError(
        'invalid',
        'orderBy must be defined when other query parameters are defined',
      );
    }
    return null;
  }
  if (typeof orderBy !== 'string') {
    throw new RtdbError('invalid', 'orderBy must be a valid JSON encoded path');
  }
  const bound = (name: string, inclusive: boolean): QueryBound | null => {
    const value = jsonParameter(parameters, name);
    return value === undefined ? null : { value, key: null, inclusive };
  };
  const equal = bound('equalTo', true);
  return {
    index: parseIndex(orderBy),
    start: equal ?? bound('startAt', true) ?? bound('startAfter', false),
    end: equal ?? bound('endAt', true) ?? bound('endBefore', false),
    limit: limitParameter(parameters),
  };
}
