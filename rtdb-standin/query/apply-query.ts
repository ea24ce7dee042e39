import type { Json } from '../data/json';
import { compareKeys } from '../data/key';
import { branch, type DataNode, nodeAt, type Tree } from '../data/node';
import { comparePriorities } from '../data/node-hash';
import { type ChildEntry, SortedChildren } from '../data/sorted-children';
import type { QueryBound, QueryIndex, QuerySpec } from './query-spec';

const MIN_KEY = '[MIN_NAME]';
const MAX_KEY = '[MAX_NAME]';
const OBJECT = Symbol('an object, after every primitive');
type IndexValue = null | boolean | number | string | typeof OBJECT;

function indexValue(entry: ChildEntry<DataNode>, index: QueryIndex): IndexValue {
  switch (index.kind) {
    case 'key':
      return entry.key;
    case 'priority':
      return entry.node.priority;
    default: {
      const node: Tree = index.kind === 'child' ? nodeAt(entry.node, index.path) : entry.node;
      return node === null ? null : node.kind === 'leaf' ? node.value : OBJECT;
    }
  }
}

function rank(value: IndexValue): number {
  if (value === null) {
    return 0;
  }
  switch (typeof value) {
    case 'boolean':
      return value ? 2 : 1;
    case 'number':
      return 3;
    case 'string':
      return 4;
    default:
      return 5;
  }
}

/** Null, false, true, numbers, strings, objects. */
function compareValues(left: IndexValue, right: IndexValue): number {
  if (typeof left === 'number' && typeof right === 'number') {
    return left - right;
  }
  if (typeof left === 'string' && typeof right === 'string') {
    return left === right ? 0 : left < right ? -1 : 1;
  }
  return rank(left) - rank(right);
}

function compareByIndex(index: QueryIndex, left: IndexValue, right: IndexValue): number {
  if (index.kind === 'key') {
    return compareKeys(String(left), String(right));
  }
  if (index.kind === 'priority') {
    return comparePriorities(asPriority(left), asPriority(right));
  }
  return compareValues(left, right);
}

function asPriority(value: IndexValue): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

function boundValue(json: Json): IndexValue {
  return typeof json === 'object' && json !== null ? OBJECT : json;
}

/** Negative when the entry lies before the bound. */
function compareToBound(entry: ChildEntry<DataNode>, bound: QueryBound, index: QueryIndex): number {
  const order = compareByIndex(index, indexValue(entry, index), boundValue(bound.value));
  if (order !== 0 || bound.key === null || index.kind === 'key') {
    return order;
  }
  if (bound.key === MIN_KEY) {
    return 1;
  }
  return bound.key === MAX_KEY ? -1 : compareKeys(entry.key, bound.key);
}

function isInRange(entry: ChildEntry<DataNode>, query: QuerySpec): boolean {
  const { start, end, index } = query;
  const afterStart = start === null ? 1 : compareToBound(entry, start, index);
  const beforeEnd = end === null ? 1 : -compareToBound(entry, end, index);
  return (
    (afterStart > 0 || (afterStart === 0 && start?.inclusive === true)) &&
    (beforeEnd > 0 || (beforeEnd === 0 && end?.inclusive === true))
  );
}

/** The children of `node` that `query` selects, as a tree; null where there are none. */
export function applyQuery(node: Tree, query: QuerySpec | null): Tree {
  if (query === null || node?.kind !== 'branch') {
    return query === null ? node : null;
  }
  let selected = [...node.children].filter((entry) => isInRange(entry, query));
  if (query.limit !== null && selected.length > query.limit.count) {
    if (query.index.kind !== 'key') {
      selected.sort(
        (left, right) =>
          compareByIndex(
            query.index,
            indexValue(left, query.index),
            indexValue(right, query.index),
          ) || compareKeys(left.key, right.key),
      );
    }
    const { count, from } = query.limit;
    selected = from === 'first' ? selected.slice(0, count) : selected.slice(-count);
  }
  return branch(SortedChildren.from(selected), node.priority);
}
