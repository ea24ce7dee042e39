import { nodeAt, type Tree } from './data/node';
import { type Update, updateBetween } from './data/node-diff';
import type { Path } from './data/path';
import type { Namespace } from './namespace';
import { applyQuery } from './query/apply-query';
import type { QuerySpec } from './query/query-spec';

/**
 * Follows what `query` selects at `path`: `notify` gets one update (its path is relative) for each
 * commit that changes the selection. Returns how to stop.
 */
export function watch(
  namespace: Namespace,
  path: Path,
  query: QuerySpec | null,
  notify: (update: Update) => void,
): () => void {
  let source: Tree = nodeAt(namespace.root, path);
  let view = applyQuery(source, query);
  return namespace.onCommit((commit) => {
    const nextSource = nodeAt(commit.after, path);
    if (nextSource === source) {
      return;
    }
    source = nextSource;
    const nextView = applyQuery(source, query);
    const update = updateBetween(view, nextView);
    view = nextView;
    if (update !== null) {
      notify(update);
    }
  });
}
