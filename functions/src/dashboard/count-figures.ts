import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE, CANARY_DAY } from '../paths/quest-completions/canary-couple';
import { query, type Statements } from '../postgres/statements';

/** Hours that one round counts of a path: the first ones have two days to catch up with. */
const HOURS_AT_ONCE = 8;

/** What came in each hour, and how long ago the shards were read: `migrations/20261128000015_figures.sql`. */
const COUNT_FIGURES = query({
  text: 'select mirror.count_figures($1, $2, $3)',
  params: { path: 'text', canaryShards: 'text[]', most: 'integer' },
  row: {},
});

/** Counts what the charts show, which would be too dear whenever somebody looks. Rejects as `statements` do. */
export async function countFigures(
  statements: Statements,
  paths: readonly MirroredPath[],
): Promise<void> {
  for (const { name } of paths) {
    await COUNT_FIGURES.run(statements, {
      ...{ path: name, canaryShards: [CANARY_COUPLE, CANARY_DAY], most: HOURS_AT_ONCE },
    });
  }
}
