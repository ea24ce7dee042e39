import type { PathComparison, PathEnd } from '../backup/compare-backup';
import { type BackupScope, type LiveLook, looksOfBackup } from '../backup/looks-of-backup';
import type { Pair } from '../backup/shard-pairs';
import type { ComparedKey } from '../readings/compare-key';
import { eachShard } from '../readings/each-shard';
import { lookOnDemand } from '../readings/look-on-demand';
import type { Looked } from '../readings/reading';
import { shardNodes } from '../readings/shard-node';
import {
  add,
  type BackfillContext,
  type BackfillSummary,
  countMissing,
  NOTHING,
  summaryOf,
} from './backfill';
import { type BackfillCounts, END_BACKFILL, type FailedShard, START_BACKFILL } from './books';
import { fillShard } from './fill-shard';

/**
 * Inserts what a backup holds and Postgres has no row for, as far as RTDB still holds it: each such key is read in
 * RTDB, and what it shows by now is inserted. Never touches a row. Safe to repeat.
 *
 * @returns with the shards that could not be filled; rejects as the backup's reader does, and where no shard can be
 */
export async function backfillFromBackup(
  comparisons: AsyncIterable<PathComparison | PathEnd>,
  scope: BackupScope,
  isDryRun: boolean,
  context: BackfillContext,
): Promise<BackfillSummary> {
  const work = { done: {} as Record<string, BackfillCounts>, failed: [] as FailedShard[] };
  const fill = { ...context, countsUnexplained: context.countsUnexplained ?? false };
  const fillOne = (looked: Looked) => (isDryRun ? countMissing(looked) : fillShard(looked, fill));
  const id = isDryRun ? null : await start(scope, context);
  const end = async (reason: string | null) => {
    if (id !== null) await END_BACKFILL.run(context.statements, { id, reason });
  };
  let compared = 0;
  const counted = {
    ...scope,
    onShard: () => {
      compared += 1;
      context.onProgress?.(compared, compared);
    },
  };
  try {
    await eachShard<LiveLook>(looksOfBackup(comparisons, MISSING, counted), {
      concurrency: context.concurrency,
      async work({ path, shard, keys }) {
        const lookScope = keys === 'all' ? keys : { keys };
        for (const node of shardNodes([path])) {
          for (const looked of await lookOnDemand(node, shard, () => lookScope, context)) {
            add(work.done, path.name, await fillOne(looked));
          }
        }
        add(work.done, path.name, { ...NOTHING, shards: 1 });
      },
      onFailure({ path, shard }, error) {
        const reason = error instanceof Error ? error.message : String(error);
        work.failed.push({ node: path.name, shard, error: reason });
      },
    });
    const [first] = work.failed;
    await end(first === undefined ? null : `${first.node}/${first.shard}: ${first.error}`);
    for (const { name } of context.paths) add(work.done, name, NOTHING);
    return summaryOf(id, work);
  } catch (error) {
    await end(error instanceof Error ? error.message : String(error)).catch(() => {});
    throw error;
  }
}

const MISSING = {
  isWanted: ({ leaf, row }: Pair, stateOf: () => ComparedKey['state']) =>
    leaf !== null && row === null && stateOf() === 'missing_in_postgres',
  wantsOdd: false,
};

async function start(
  { takenAt, shards }: BackupScope,
  { statements, paths }: BackfillContext,
): Promise<number> {
  const config = {
    paths: paths.map(({ name }) => ({ path: name, ranges: null })),
    shards: shards === null ? null : [...shards],
    backup: takenAt,
  };
  return (await START_BACKFILL.one(statements, { config })).id;
}
