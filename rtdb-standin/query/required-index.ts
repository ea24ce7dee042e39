import { formatPath, type Path } from '../data/path';
import { RtdbError } from '../rtdb-error';
import type { QueryIndex, QuerySpec } from './query-spec';

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

/** What rules tell of indexes. */
export interface Indexes {
  hasIndex(path: Path, index: string): boolean;
}

/** The index that the rules lack for this query; null where they have it, or none is needed. */
export function missingIndex(rules: Indexes, path: Path, query: QuerySpec | null): string | null {
  const index = query && requiredIndex(query.index);
  return index && !rules.hasIndex(path, index) ? index : null;
}

/** A read by REST or `get()` is refused without its index. Throws `RtdbError` `invalid`. */
export function assertIndexed(rules: Indexes, path: Path, query: QuerySpec | null): void {
  const index = missingIndex(rules, path, query);
  if (index !== null) {
    throw new RtdbError(
      'invalid',
      `Index not defined, add ".indexOn": "${index}", for path "/${formatPath(path)}", to the rules`,
    );
  }
}
