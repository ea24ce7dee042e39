import { z } from 'zod';
import { query } from '../postgres/statements';
import { escapeText } from '../values/storable';
import { isForAll } from './each-shard';
import { countShards, type FindDueContext, findDue, type ShardList } from './find-due';
import type { ReadingRequest } from './plan-reading';
import { type ReadingContext, type ReadingOutcome, readShard } from './read-shard';
import { type ShardNode, shardNodes } from './shard-node';
import { FAIL_READING } from './shard-state';
import { tellCauses } from './tell-causes';

export interface QueueContext
  extends Omit<ReadingContext, 'shardsOf' | 'rtdb'>,
    Omit<FindDueContext, 'rtdb'> {
  rtdb: ReadingContext['rtdb'] & ShardList;
  /** Only these shards; null = all. */
  shards?: readonly string[];
  /** What is asked beyond what is due. */
  request?: ReadingRequest;
  /** Requests at once. */
  concurrency: number;
  /** Receives each shard that was read. */
  onOutcome?(outcome: ReadingOutcome): void;
}

/** What a worker did. */
export interface WorkDone {
  read: number;
  failed: number;
  /** Whether nothing was due any more. */
  isIdle: boolean;
}

/** Shards that are taken with one statement. */
const TAKEN_AT_ONCE = 32;

const NOTE_FIRST_PASS = query({
  text: 'select mirror.note_first_pass($1)',
  params: { path: 'text' },
  row: {},
});

const TAKE_DUE = query({
  text: 'select path, shard from mirror.take_due($1, make_interval(secs => $2), $3, $4, $5)',
  params: {
    most: 'integer',
    leaseS: 'double precision',
    mates: 'jsonb',
    paths: 'text[]?',
    shards: 'text[]?',
  },
  row: { path: z.string(), shard: z.string() },
});

const GIVE_BACK = query({
  text: 'select mirror.give_back($1, $2)',
  params: { paths: 'text[]', shards: 'text[]' },
  row: {},
});

/**
 * Finds out what is due and reads it, until nothing is or the time is up. As many workers as wanted may do this
 * at once: none takes a shard that another one has.
 *
 * @returns rejects where Postgres can't be reached; a shard that can't be read fails alone
 */
export async function workQueue(context: QueueContext): Promise<WorkDone> {
  const unlisted = await findDue(context);
  const done = await readDue(context);
  for (const { name } of context.paths)
    await NOTE_FIRST_PASS.run(context.statements, { path: name });
  for (const { name } of context.paths) await tellCauses(name, context);
  if (unlisted.isAll) throw unlisted.failures[0]?.error;
  return { ...done, failed: done.failed + unlisted.failures.length };
}

/** Reads what is due, and what becomes due meanwhile. */
export async function readDue(context: QueueContext): Promise<WorkDone> {
  const nodes = shardNodes(context.paths);
  const done: WorkDone = { read: 0, failed: 0, isIdle: false };
  const taken: { node: ShardNode; shard: string }[] = [];
  const shardsOf = await countShards(context);
  let ended = 0;
  let refill: Promise<boolean> | null = null;
  let isBroken = false;
  const take = async () => {
    const endedBefore = ended;
    const more = await takeDue(nodes, context);
    taken.push(...more);
    // What ended meanwhile may be due again.
    return more.length > 0 || ended !== endedBefore;
  };
  const work = async () => {
    while (!isBroken && !context.isOver()) {
      const next = taken.shift();
      if (next !== undefined) {
        await readOne(next.node, next.shard, { ...context, shardsOf }, done);
        ended += 1;
      } else {
        refill ??= take().finally(() => {
          refill = null;
        });
        if (!(await refill)) return;
      }
    }
  };
  const worker = () =>
    work().catch((error: unknown) => {
      isBroken = true;
      throw error;
    });
  // What is under way ends first: nobody is to find it at work after the end.
  const ends = await Promise.allSettled(Array.from({ length: context.concurrency }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  await giveBack(taken, context);
  done.isIdle = !context.isOver();
  return done;
}

async function takeDue(
  nodes: readonly ShardNode[],
  { statements, times, paths, shards }: QueueContext,
): Promise<{ node: ShardNode; shard: string }[]> {
  const mates = Object.fromEntries(
    nodes.flatMap(({ members }) => {
      const names = members.map(({ path }) => path.name);
      return names.map((name) => [name, names.filter((other) => other !== name)]);
    }),
  );
  const rows = await TAKE_DUE.all(statements, {
    most: TAKEN_AT_ONCE,
    leaseS: times.leaseMs / 1_000,
    mates,
    paths: paths.map(({ name }) => name),
    shards: shards ?? null,
  });
  const taken = new Map<string, { node: ShardNode; shard: string }>();
  for (const { path, shard } of rows) {
    const node = nodes.find(({ members }) => members.some((one) => one.path.name === path));
    if (node !== undefined) taken.set(`${node.root.join('/')}/${shard}`, { node, shard });
  }
  return [...taken.values()];
}

async function giveBack(
  taken: readonly { node: ShardNode; shard: string }[],
  { statements }: QueueContext,
): Promise<void> {
  if (taken.length === 0) return;
  const given = taken.flatMap(({ node, shard }) =>
    node.members.map(({ path }) => ({ path: path.name, shard })),
  );
  await GIVE_BACK.run(statements, {
    paths: given.map(({ path }) => path),
    shards: given.map(({ shard }) => shard),
  });
}

async function readOne(
  node: ShardNode,
  shard: string,
  context: QueueContext & ReadingContext,
  done: WorkDone,
): Promise<void> {
  const ends = await readShard(node, shard, context.request ?? {}, context).catch(
    (error: unknown) => node.members.map(({ path }) => ({ path: path.name, error })),
  );
  const failed = ends.filter((end) => 'error' in end);
  for (const end of ends) {
    if ('error' in end) await noteFailure(end, shard, context);
    else {
      done.read += 1;
      context.onOutcome?.(end);
    }
  }
  if (failed.length > 0) done.failed += 1;
}

/** Rejects where Postgres is away: then no shard can be read, and this one's lease ends by itself. */
async function noteFailure(
  { path, error }: { path: string; error: unknown },
  shard: string,
  { statements, times, onFailure }: QueueContext,
): Promise<void> {
  onFailure?.(path, shard, error);
  const reason = escapeText(error instanceof Error ? error.message : String(error));
  const againS = times.retryMs / 1_000;
  await FAIL_READING.run(statements, { path, shard, reason, againS }).catch((failure: unknown) => {
    if (isForAll(failure)) throw failure;
  });
}
