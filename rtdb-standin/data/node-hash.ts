import { createHash } from 'node:crypto';
import { compareKeys } from './key';
import type { DataNode, Priority, Tree } from './node';

const hashes = new WeakMap<DataNode, string>();

function ieee754Hex(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

function priorityText(priority: Priority): string {
  if (priority === null) {
    return '';
  }
  const text =
    typeof priority === 'number' ? `number:${ieee754Hex(priority)}` : `string:${priority}`;
  return `priority:${text}:`;
}

/** Null first, then numbers, then strings. */
export function comparePriorities(left: Priority, right: Priority): number {
  const rank = (value: Priority): number =>
    value === null ? 0 : typeof value === 'number' ? 1 : 2;
  if (rank(left) !== rank(right) || left === null || right === null) {
    return rank(left) - rank(right);
  }
  return left === right ? 0 : left < right ? -1 : 1;
}

/**
 * The hash that SDKs send with a transaction's put (`h`) and that REST uses as ETag: SHA-1, base64,
 * over types, values and child hashes in priority order; empty for null. As `Node.hash()` of
 * `@firebase/database`.
 */
export function nodeHash(node: Tree): string {
  if (node === null) {
    return '';
  }
  const known = hashes.get(node);
  if (known !== undefined) {
    return known;
  }
  const hash = createHash('sha1').update(hashInput(node)).digest('base64');
  hashes.set(node, hash);
  return hash;
}

function hashInput(node: DataNode): string {
  const prefix = priorityText(node.priority);
  if (node.kind === 'leaf') {
    const text = typeof node.value === 'number' ? ieee754Hex(node.value) : String(node.value);
    return `${prefix}${typeof node.value}:${text}`;
  }
  const entries = [...node.children].sort(
    (left, right) =>
      comparePriorities(left.node.priority, right.node.priority) ||
      compareKeys(left.key, right.key),
  );
  return prefix + entries.map(({ key, node: child }) => `:${key}:${nodeHash(child)}`).join('');
}
