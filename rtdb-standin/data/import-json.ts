import { RtdbError } from '../rtdb-error';
import { isRecord } from './json';
import { assertValidKey } from './key';
import {
  branch,
  childOf,
  type DataNode,
  type LeafValue,
  leaf,
  type Priority,
  type Tree,
} from './node';
import { type ChildEntry, SortedChildren } from './sorted-children';

const MAX_DEPTH = 32;
const MAX_STRING_BYTES = 10 * 1024 * 1024;

/** What server values are resolved against. */
export interface ServerValueContext {
  /** Commit time, milliseconds since 1970. */
  readonly nowMs: number;
  /** The value that is being replaced. */
  readonly existing: Tree;
}

/**
 * Turns JSON into a tree: nulls and empty objects vanish, arrays become integer keys,
 * `.sv`, `.value` and `.priority` are understood. Throws `RtdbError` `invalid`.
 * https://firebase.google.com/docs/reference/rest/database#section-server-values
 */
export function importJson(value: unknown, context: ServerValueContext, depth = 0): Tree {
  if (value === null || value === undefined) {
    return null;
  }
  if (depth > MAX_DEPTH) {
    throw new RtdbError('invalid', `Invalid data; path is deeper than ${MAX_DEPTH} levels`);
  }
  if (Array.isArray(value)) {
    return importChildren(Object.entries(value), null, context, depth);
  }
  if (!isRecord(value)) {
    return leaf(leafValue(value));
  }
  if ('.sv' in value) {
    return leaf(resolveServerValue(value['.sv'], context));
  }
  const priority = priorityValue(value['.priority'], context);
  if ('.value' in value) {
    const inner = importJson(value['.value'], context, depth);
    if (inner?.kind === 'branch') {
      throw new RtdbError('invalid', 'Invalid data; .value must be a primitive');
    }
    return inner && leaf(inner.value, priority);
  }
  const entries = Object.entries(value).filter(([key]) => key !== '.priority');
  return importChildren(entries, priority, context, depth);
}

function importChildren(
  entries: readonly (readonly [string, unknown])[],
  priority: Priority,
  context: ServerValueContext,
  depth: number,
): Tree {
  const children: ChildEntry<DataNode>[] = [];
  for (const [key, value] of entries) {
    assertValidKey(key);
    const existing = childOf(context.existing, key);
    const node = importJson(value, { nowMs: context.nowMs, existing }, depth + 1);
    if (node !== null) {
      children.push({ key, node });
    }
  }
  return branch(SortedChildren.from(children), priority);
}

function leafValue(value: unknown): LeafValue {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) {
    return value;
  }
  if (typeof value === 'string') {
    if (value.length * 3 > MAX_STRING_BYTES && Buffer.byteLength(value) > MAX_STRING_BYTES) {
      throw new RtdbError('invalid', 'Invalid data; string is longer than 10485760 bytes');
    }
    return value;
  }
  throw new RtdbError('invalid', 'Invalid data; not a JSON value');
}

function resolveServerValue(operation: unknown, context: ServerValueContext): LeafValue {
  if (operation === 'timestamp') {
    return context.nowMs;
  }
  if (isRecord(operation) && typeof operation.increment === 'number') {
    const { existing } = context;
    const base =
      existing?.kind === 'leaf' && typeof existing.value === 'number' ? existing.value : 0;
    return base + operation.increment;
  }
  throw new RtdbError('invalid', 'Invalid data; unrecognized server value');
}

/** A priority as RTDB accepts it: a string, a number, null or a server timestamp. */
export function priorityValue(value: unknown, context: ServerValueContext): Priority {
  if (value === null || value === undefined) {
    return null;
  }
  if (isRecord(value) && value['.sv'] === 'timestamp') {
    return context.nowMs;
  }
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) {
    return value;
  }
  throw new RtdbError('invalid', 'Invalid data; priority must be a string or a number');
}
