import type { MirroredPath } from '../paths/mirrored-path';
import { isCanaryShard } from '../paths/quest-completions/canary-couple';
import { eachShard } from '../readings/each-shard';
import type { ShardList } from '../readings/find-due';
import { type LookContext, lookOnDemand } from '../readings/look-on-demand';
import type { Looked } from '../readings/reading';
import { type NodeMember, type ShardNode, shardNodes } from '../readings/shard-node';
import { compareRtdbKeys } from '../values/rtdb-key';
import {
  ADVANCE_BACKFILL,
  type BackfillCounts,
  type BackfillRequest,
  END_BACKFILL,
  type FailedShard,
  RESUME_BACKFILL,
  START_BACKFILL,
} from './books';
import { backlogOf, type FillContext, fillShard } from './fill-shard';

export interface BackfillContext extends FillContext, LookContext {
  rtdb: LookContext['rtdb'] & ShardList;
  /** What the request's names stand for. */
  paths: readonly MirroredPath[];
  /** Shards at once. */
  concurrency: number;
  /** Receives how many shards are done, and how many are known. */
  onProgress?(done: number, of: number): void;
}

/** A backfill that is under way. */
export interface OpenBackfill {
  id: number;
  request: BackfillRequest;
  /** By node: the last shard up to which all is done. */
  checkpoint: Record<string, string>;
  /** By path, since it was begun. */
  done: Record<string, BackfillCounts>;
  failed: FailedShard[];
}

export interface BackfillSummary {
  /** Null for a dry run. */
  id: number | null;
  paths: Record<string, BackfillCounts>;
  total: BackfillCounts;
  failed: FailedShard[];
}

export const NOTHING: BackfillCounts = {
  ...{ shards: 0, keys: 0, inserted: 0, rejected: 0, differing: 0, unexplained: 0 },
};

/** Notes what is asked, before anything is done. */
export async function openBackfill(
  request: BackfillRequest,
  { statements }: Pick<BackfillContext, 'statements'>,
): Promise<OpenBackfill> {
  const { id } = await START_BACKFILL.one(statements, { config: request });
  return { id, request, checkpoint: {}, done: {}, failed: [] };
}

/** The newest one that broke off, or left shards out; null = there is none. What it did isn't done again. */
export function resumeBackfill({
  statements,
}: Pick<BackfillContext, 'statements'>): Promise<OpenBackfill | null> {
  return RESUME_BACKFILL.first(statements).then((row) => row && { ...row, request: row.config });
}

/**
 * Inserts what RTDB holds and Postgres has no row for. Never touches a row: what an event wrote wins,
 * whenever it comes. Safe to repeat, to run twice at once, and while events flow.
 *
 * @returns with the shards that could not be filled; rejects where no shard can, and then it can be resumed
 */
export async function runBackfill(
  open: OpenBackfill,
  context: BackfillContext,
): Promise<BackfillSummary> {
  const { statements } = context;
  const again = [...open.failed];
  const work: Work = { ...open };
  try {
    await eachNode(work, again, context, (looked) => fillShard(looked, context));
    const [first] = work.failed;
    const reason = first === undefined ? null : `${first.node}/${first.shard}: ${first.error}`;
    await END_BACKFILL.run(statements, { id: open.id, reason });
    return summaryOf(open.id, work);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // Postgres may be what failed: then it stays `running`, and can be resumed all the same.
    await END_BACKFILL.run(statements, { id: open.id, reason }).catch(() => {});
    throw error;
  }
}

/** What a backfill would insert, and which rows it would leave alone although they differ. */
export async function tryBackfill(
  request: BackfillRequest,
  context: BackfillContext,
): Promise<BackfillSummary> {
  const work: Work = { id: null, request, checkpoint: {}, done: {}, failed: [] };
  await eachNode(work, [], context, async (looked) => countMissing(looked));
  return summaryOf(null, work);
}

/** What filling a shard would do. Pure. */
export function countMissing(looked: Looked): BackfillCounts {
  const { missing, refused, keys, differing } = backlogOf(looked);
  const [inserted, rejected] = [missing.length, refused.length];
  return { ...NOTHING, keys, inserted, rejected, differing };
}

type Work = Omit<OpenBackfill, 'id'> & { id: number | null };
type Fill = (looked: Looked) => Promise<BackfillCounts>;

async function eachNode(
  work: Work,
  again: readonly FailedShard[],
  context: BackfillContext,
  fill: Fill,
): Promise<void> {
  const { request } = work;
  const wanted = context.paths.filter(({ name }) =>
    request.paths.some(({ path }) => path === name),
  );
  const progress = { done: 0, of: 0 };
  for (const node of shardNodes(wanted)) {
    const name = node.root.join('/');
    const ours = again.filter((one) => one.node === name).map(({ shard }) => shard);
    const pages = pagesOf(name, node, ours, work, context, progress);
    let isOrdered = true;
    await eachShard(pages, {
      concurrency: context.concurrency,
      async work(shard) {
        for (const looked of await looksAt(node, shard, request, context)) {
          add(work.done, looked.path.name, await fill(looked));
        }
        for (const { path } of node.members) add(work.done, path.name, { ...NOTHING, shards: 1 });
        work.failed = work.failed.filter((one) => one.node !== name || one.shard !== shard);
        progress.done += 1;
        context.onProgress?.(progress.done, progress.of);
      },
      onFailure(shard, error) {
        const reason = error instanceof Error ? error.message : String(error);
        const others = work.failed.filter((one) => one.node !== name || one.shard !== shard);
        work.failed = [...others, { node: name, shard, error: reason }];
      },
      async onPart(shards) {
        if (work.id === null) return;
        const isRetry = shards.some((shard) => ours.includes(shard));
        // RTDB may list keys in no order: a resumed backfill then starts from the beginning.
        isOrdered &&= isRetry || isAfter(shards, work.checkpoint[name]);
        const last = shards.at(-1);
        if (isOrdered && !isRetry && last !== undefined) work.checkpoint[name] = last;
        await advance(work.id, work, context);
      },
    });
  }
}

/** First those that failed before, then the node's from where it broke off. */
async function* pagesOf(
  name: string,
  node: ShardNode,
  again: readonly string[],
  { request, checkpoint }: Work,
  { rtdb }: BackfillContext,
  progress: { of: number },
): AsyncGenerator<string[]> {
  const tell = (page: readonly string[]) => {
    const shards = page.filter((shard) => !isCanaryShard(shard));
    progress.of += shards.length;
    return shards;
  };
  if (again.length > 0) yield tell(again);
  const after = checkpoint[name] ?? null;
  if (request.shards !== null) {
    const sorted = [...new Set(request.shards)].sort(compareRtdbKeys);
    yield tell(sorted.filter((shard) => after === null || compareRtdbKeys(shard, after) > 0));
    return;
  }
  for await (const page of rtdb.pagesOfKeys(node.root, after)) yield tell(page);
}

function isAfter(shards: readonly string[], checkpoint: string | undefined): boolean {
  let last = checkpoint;
  for (const shard of shards) {
    if (last !== undefined && compareRtdbKeys(shard, last) <= 0) return false;
    last = shard;
  }
  return true;
}

async function advance(
  id: number,
  { checkpoint, done, failed }: Work,
  { statements }: BackfillContext,
): Promise<void> {
  await ADVANCE_BACKFILL.run(statements, {
    id,
    checkpoint,
    done,
    failed: failed.map((one) => ({ ...one })),
  });
}

/** Members whose whole shard is wanted are looked at together; others by their days. */
async function looksAt(
  node: ShardNode,
  shard: string,
  request: BackfillRequest,
  context: BackfillContext,
): Promise<Looked[]> {
  const rangesOf = ({ path }: NodeMember) =>
    request.paths.find((one) => one.path === path.name)?.ranges ?? null;
  const whole = node.members.filter((member) => rangesOf(member) === null);
  const looked: Looked[] = [];
  if (whole.length > 0) {
    looked.push(...(await lookOnDemand({ ...node, members: whole }, shard, () => 'all', context)));
  }
  for (const member of node.members) {
    for (const days of rangesOf(member) ?? []) {
      const one = { ...node, members: [member] };
      looked.push(...(await lookOnDemand(one, shard, () => ({ days }), context)));
    }
  }
  return looked;
}

/** Adds to what was done of a path. */
export function add(
  done: Record<string, BackfillCounts>,
  path: string,
  more: BackfillCounts,
): void {
  done[path] = sum(done[path] ?? NOTHING, more);
}

function sum(a: BackfillCounts, b: BackfillCounts): BackfillCounts {
  const total = { ...a };
  for (const name of Object.keys(total) as (keyof BackfillCounts)[]) total[name] += b[name];
  return total;
}

export function summaryOf(
  id: number | null,
  { done, failed }: Pick<Work, 'done' | 'failed'>,
): BackfillSummary {
  const total = Object.values(done).reduce(sum, NOTHING);
  return { id, paths: done, total, failed };
}
