import { type Json, type JsonObject, setOwn } from './json';
import type { BranchNode, Tree } from './node';

const ARRAY_INDEX = /^(0|[1-9]\d{0,8})$/;

/** `withPriorities` adds `.priority` and `.value` where a priority is set (`format=export`). */
export interface ExportOptions {
  readonly withPriorities?: boolean;
}

/**
 * RTDB's arrays: integer keys only, and more than half of 0..max present. Integer keys sort first,
 * so the last key tells.
 */
function arrayLength(node: BranchNode): number | null {
  const last = node.children.last();
  if (last === undefined || !ARRAY_INDEX.test(last.key)) {
    return null;
  }
  const length = Number(last.key) + 1;
  if (length > node.children.size * 2) {
    return null;
  }
  for (const { key } of node.children) {
    if (!ARRAY_INDEX.test(key)) {
      return null;
    }
  }
  return length;
}

/** The tree as JSON, as REST and the SDKs see it. */
export function exportJson(node: Tree, options: ExportOptions = {}): Json {
  if (node === null) {
    return null;
  }
  const priority = options.withPriorities ? node.priority : null;
  if (node.kind === 'leaf') {
    return priority === null ? node.value : { '.value': node.value, '.priority': priority };
  }
  const length = priority === null ? arrayLength(node) : null;
  if (length !== null) {
    const array: Json[] = new Array<Json>(length).fill(null);
    for (const { key, node: child } of node.children) {
      array[Number(key)] = exportJson(child, options);
    }
    return array;
  }
  const object: JsonObject = {};
  for (const { key, node: child } of node.children) {
    setOwn(object, key, exportJson(child, options));
  }
  if (priority !== null) {
    object['.priority'] = priority;
  }
  return object;
}
