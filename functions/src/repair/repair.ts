import type { MirroredPath } from '../paths/mirrored-path';
import { isCanaryShard } from '../paths/quest-completions/canary-couple';
import type { Statements } from '../postgres/statements';
import type { ComparedKey } from '../readings/compare-key';
import { eachShard } from '../readings/each-shard';
import type { ShardList } from '../readings/find-due';
import { keyId } from '../readings/key-parts';
import { type LookScope, lookOnDemand } from '../readings/look-on-demand';
import type { DayRange } from '../readings/plan-reading';
import { type ShardNode, shardNodes } from '../readings/shard-node';
import { isStorable } from '../values/storable';
import { SHARDS_AFTER, SHARDS_WITH_ROWS } from './repair-rows';
import { type RepairStep, repairKeys, type ShardRepair, sortDifferences } from './repair-shard';

/** What a repair looks at. */
export interface RepairRequest {
  /** Of paths with a day; null = all of them. */
  days: DayRange | null;
  /** Only these shards; null = all that RTDB or Postgres has. */
  shards: readonly string[] | null;
  /** Only these leaves; null = all. */
  leaves: readonly { path: string; parts: readonly string[] }[] | null;
  /** False: only tells what it would do. */
  write: boolean;
  /** How many live rows may become tombstones; null = a few. */
  bury: number | null;
}

export interface RepairContext extends ShardRepair {
  rtdb: ShardRepair['rtdb'] & ShardList;
  paths: readonly MirroredPath[];
  /** Shards at once. */
  concurrency: number;
  onStep(step: RepairStep): void;
}

export interface RepairSummary {
  /** Live rows that it looked at. */
  live: number;
  /** Rows that RTDB doesn't hold. */
  toBury: number;
  /** How many of them it may bury. */
  mayBury: number;
  failed: { shard: string; error: string }[];
}

const MAX_BURIED = 100;
const FEW_BURIED = 3;
const MAX_BURIED_SHARE = 0.01;
const PAGE = 1_000;

/** How many live rows may be buried, without more being said. Pure. */
function buryLimit(live: number, asked: number | null): number {
  return asked ?? Math.min(MAX_BURIED, Math.max(FEW_BURIED, Math.floor(live * MAX_BURIED_SHARE)));
}

interface HeldBack {
  node: ShardNode;
  path: MirroredPath;
  shard: string;
  keys: ComparedKey[];
}

/**
 * Compares both stores and sets the rows that differ to what RTDB holds. Rows that RTDB doesn't hold come last, once
 * it is known how many they are: many of them at once look like another RTDB, or a lost one.
 *
 * @returns with the shards that failed; rejects where none can be read
 */
export async function repair(
  request: RepairRequest,
  context: RepairContext,
): Promise<RepairSummary> {
  const summary: RepairSummary = { live: 0, toBury: 0, mayBury: 0, failed: [] };
  const most = Math.max(MAX_BURIED, request.bury ?? 0);
  const held: HeldBack[] = [];
  for (const node of shardNodes(pathsOf(request, context))) {
    await eachShard(shardsOf(node, request, context), {
      concurrency: context.concurrency,
      async work(shard) {
        const scopeOf = (path: MirroredPath) => scopeFor(path, shard, request);
        for (const looked of await lookOnDemand(node, shard, scopeOf, context)) {
          const named = namedKeys(looked.path.name, request);
          const shown =
            named === null
              ? looked
              : {
                  ...looked,
                  compared: looked.compared.filter(({ parts }) => named.has(keyId(parts))),
                };
          const { left, write, bury, live } = sortDifferences(shown, named !== null);
          for (const step of left) context.onStep(step);
          summary.live += live;
          summary.toBury += bury.length;
          const { path } = looked;
          if (!request.write) tell(path, write, 'would_write', context);
          else
            for (const step of await repairKeys(node, path, shard, write, context))
              context.onStep(step);
          if (!request.write) tell(path, bury, 'would_bury', context);
          else if (bury.length > 0 && summary.toBury <= most)
            held.push({ node, path, shard, keys: bury });
          else tell(path, bury, 'not_buried', context);
        }
      },
      onFailure(shard, error) {
        const reason = error instanceof Error ? error.message : String(error);
        summary.failed.push({ shard: [...node.root, shard].join('/'), error: reason });
      },
    });
  }
  summary.mayBury = buryLimit(summary.live, request.bury);
  await buryHeld(held, summary, context);
  return summary;
}

async function buryHeld(
  held: readonly HeldBack[],
  { toBury, mayBury, failed }: RepairSummary,
  context: RepairContext,
): Promise<void> {
  for (const { node, path, shard, keys } of held) {
    if (toBury > mayBury) {
      tell(path, keys, 'not_buried', context);
      continue;
    }
    try {
      for (const step of await repairKeys(node, path, shard, keys, context)) context.onStep(step);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failed.push({ shard: [...node.root, shard].join('/'), error: reason });
    }
  }
}

function tell(
  { name: path }: MirroredPath,
  keys: readonly ComparedKey[],
  outcome: RepairStep['outcome'],
  { onStep }: RepairContext,
): void {
  for (const key of keys) onStep({ path, key, outcome });
}

function pathsOf({ leaves }: RepairRequest, { paths }: RepairContext): MirroredPath[] {
  return paths.filter(({ name }) => leaves === null || leaves.some(({ path }) => path === name));
}

function scopeFor(path: MirroredPath, shard: string, { leaves, days }: RepairRequest): LookScope {
  if (leaves !== null) {
    const ours = leaves.filter((leaf) => leaf.path === path.name && leaf.parts[0] === shard);
    return { keys: ours.map(({ parts }) => parts) };
  }
  return days === null ? 'all' : { days };
}

/** The leaves of a path that were named, by their keys; null = all are meant. */
function namedKeys(path: string, { leaves }: RepairRequest): ReadonlySet<string> | null {
  if (leaves === null) return null;
  return new Set(leaves.filter((leaf) => leaf.path === path).map(({ parts }) => keyId(parts)));
}

/** What was asked for; else each shard that either store has, once: Postgres' first, then what RTDB has besides. */
async function* shardsOf(
  { root, members }: ShardNode,
  { leaves, shards }: RepairRequest,
  { statements, rtdb }: RepairContext,
): AsyncGenerator<string[]> {
  const paths = members.map(({ path }) => path.name);
  if (leaves !== null) {
    const ours = leaves.filter(({ path }) => paths.includes(path));
    yield [...new Set(ours.map(({ parts }) => parts[0] ?? ''))];
    return;
  }
  if (shards !== null) {
    yield [...new Set(shards)].filter((shard) => !isCanaryShard(shard));
    return;
  }
  for (const [n, path] of paths.entries()) {
    for await (const page of shardsWithRows(path, statements)) {
      yield await without(page, paths.slice(0, n), statements);
    }
  }
  for await (const page of rtdb.pagesOfKeys(root, null)) {
    yield await without(page, paths, statements);
  }
}

/** Every shard of which a path has rows, by pages. */
export async function* shardsWithRows(
  path: string,
  statements: Statements,
): AsyncGenerator<string[]> {
  let after: string | null = null;
  do {
    const page: { shard: string }[] = await SHARDS_AFTER.all(statements, {
      path,
      after,
      most: PAGE,
    });
    yield page.map(({ shard }) => shard);
    after = page.length < PAGE ? null : (page.at(-1)?.shard ?? null);
  } while (after !== null);
}

/** Those of a page that aren't the canary's, and of which none of these paths has a row. */
async function without(
  page: readonly string[],
  paths: readonly string[],
  statements: Statements,
): Promise<string[]> {
  const shards = page.filter((shard) => !isCanaryShard(shard) && isStorable(shard));
  if (paths.length === 0 || shards.length === 0) return shards;
  const rows = await SHARDS_WITH_ROWS.all(statements, { paths, shards });
  const known = new Set(rows.map(({ shard }) => shard));
  return shards.filter((shard) => !known.has(shard));
}
