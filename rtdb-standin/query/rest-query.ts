import type { Json } from '../data/json';
import { RtdbError } from '../rtdb-error';
import { parseIndex, type QueryBound, type QueryIndex, type QuerySpec, toJson } from './query-spec';

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
  return restQuery(parseIndex(orderBy), parameters, (name) => jsonParameter(parameters, name));
}

/**
 * The filters of `shallow=true`: by key, without an orderBy, and without quotes, as firebase-tools
 * sends them for `database:remove` and to look whether a database is empty.
 */
export function parseShallowQuery(parameters: URLSearchParams): QuerySpec | null {
  const orderBy = parameters.get('orderBy');
  if (orderBy !== null && orderBy !== '"$key"') {
    throw new RtdbError('invalid', 'shallow can only be combined with orderBy="$key"');
  }
  if (!REST_FILTERS.some((name) => parameters.has(name))) {
    return null;
  }
  return restQuery({ kind: 'key' }, parameters, (name) => {
    const text = parameters.get(name);
    return text === null ? undefined : text.replace(/^"(.*)"$/s, '$1');
  });
}

function restQuery(
  index: QueryIndex,
  parameters: URLSearchParams,
  read: (name: string) => Json | undefined,
): QuerySpec {
  const bound = (name: string, inclusive: boolean): QueryBound | null => {
    const value = read(name);
    return value === undefined ? null : { value, key: null, inclusive };
  };
  const equal = bound('equalTo', true);
  return {
    index,
    start: equal ?? bound('startAt', true) ?? bound('startAfter', false),
    end: equal ?? bound('endAt', true) ?? bound('endBefore', false),
    limit: limitParameter(parameters),
  };
}
