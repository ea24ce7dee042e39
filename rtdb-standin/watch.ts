import { type Tree, valueAt } from './data/node';
import { type Update, updateBetween } from './data/node-diff';
import type { Path } from './data/path';
import type { Namespace } from './namespace';
import { applyQuery } from './query/apply-query';
import type { QuerySpec } from './query/query-spec';

export interface Watched {
  readonly namespace: Namespace;
  readonly path: Path;
  readonly query: QuerySpec | null;
  /** Without, a priority that changes is no change. */
  readonly withPriorities: boolean;
}

/**
 * Follows what `query` selects at `path`: `notify` gets one update (its path is relative) for each
 * commit that changes the selection. Returns how to stop.
 */
export function watch(
  { namespace, path, query, withPriorities }: Watched,
  notify: (update: Update) => void,
): () => void {
  let source: Tree = valueAt(namespace.root, path);
  let view = applyQuery(source, query);
  return namespace.onCommit((commit) => {
    const nextSource = valueAt(commit.after, path);
    if (nextSource === source) {
      return;
    }
    source = nextSource;
    const nextView = applyQuery(source, query);
    const update = updateBetween(view, nextView, withPriorities);
    view = nextView;
    if (update !== null) {
      notify(update);
    }
  });
}
