import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import { query } from '../postgres/statements';
import { escapeText } from '../values/storable';
import { isForAll } from './each-shard';
import type { ReadingRequest } from './plan-reading';
import { everyMsFor } from './proof-times';
import { type ReadingContext, type ReadingOutcome, readShard } from './read-shard';
import { type ShardNode, shardNodes } from './shard-node';
import { FAIL_READING } from './shard-state';
import { tellCauses } from './tell-causes';

/** RTDB's shards, page by page; those after one of them, in RTDB's order. */
export interface ShardList {
  pagesOfKeys(path: readonly string[], after: string | null): AsyncIterable<string[]>;
}

export interface QueueContext extends Omit<ReadingContext, 'shardsOf'> {
  rtdb: ReadingContext['rtdb'] & ShardList;
  paths: readonly MirroredPath[];
  /** Only these shards; null = all. */
  shards?: readonly string[];
  /** What is asked beyond what is due. */
  request?: ReadingRequest;
  /** Requests at once. */
  concurrency: number;
  /** Receives each shard that was read, and each that could not be. */
  onOutcome?(outcome: ReadingOutcome): void;
  onFailure?(path: string, shard: string, error: unknown): void;
  /** Whether to stop taking shards. */
  isOver(): boolean;
}

/** What a worker did. */
export interface WorkDone {
  read: number;
  failed: number;
  /** Whether nothing was due any more. */
  isIdle: boolean;
}

/** Shards that are noted, or taken, with one statement. */
const PAGE = 1_000;
const GAP_PAGE = 10_000;
const TAKEN_AT_ONCE = 32;

const ENDED_GAP = query({
  text: `
select
  to_char(mirror.ended_gap($1) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as gap_end
`,
  params: { path: 'text' },
  row: { gapEnd: z.string().nullable() },
});

const NOTE_GAP = query({
  text: 'select mirror.note_gap($1, $2, $3, $4) as last_shard',
  params: { path: 'text', gapEnd: 'timestamptz', afterShard: 'text?', most: 'integer' },
  row: { lastShard: z.string().nullable() },
});

const NOTE_TOUCHED = query({
  text: 'select mirror.note_touched($1, $2, make_interval(secs => $3))',
  params: { path: 'text', canary: 'text', leastBetweenS: 'double precision' },
  row: {},
});

const NOTE_FIRST_PASS = query({
  text: 'select mirror.note_first_pass($1)',
  params: { path: 'text' },
  row: {},
});

const BEGIN_LISTING = query({
  text: `
select
  to_char(began_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as began_at,
  after_key
from mirror.begin_listing($1, make_interval(secs => $2))
`,
  params: { paths: 'text[]', everyS: 'double precision' },
  row: { beganAt: z.string(), afterKey: z.string().nullable() },
});

const NOTE_LISTED = query({
  text: 'select mirror.note_listed($1, $2, $3, $4, make_interval(secs => $5))',
  params: {
    path: 'text',
    beganAt: 'timestamptz',
    shards: 'text[]',
    lastKey: 'text?',
    fullAgainS: 'double precision',
  },
  row: {},
});

const END_LISTING = query({
  text: 'select mirror.end_listing($1, $2)',
  params: { path: 'text', beganAt: 'timestamptz' },
  row: {},
});

const NOTE_ROWS = query({
  text: 'select mirror.note_rows($1, $2, $3, $4, $5, make_interval(secs => $6)) as last_key',
  params: {
    path: 'text',
    canary: 'text',
    afterKey: 'text?',
    most: 'integer',
    beganAt: 'timestamptz',
    fullAgainS: 'double precision',
  },
  row: { lastKey: z.string().nullable() },
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

/** Beyond 10,000 the rhythm is the same, and counting millions takes seconds. */
const COUNT_SHARDS = query({
  text: `
select
  p.path,
  (
    select count(*)::integer
    from (
      select from mirror.readings as r where r.path = p.path order by r.shard limit 10001
    ) as known
  ) as shards
from mirror.paths as p
`,
  params: {},
  row: { path: z.string(), shards: z.number() },
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

/** Nodes whose shards could not be listed; those that are known are read all the same. */
export interface Unlisted {
  failures: readonly { node: string; error: unknown }[];
  /** Whether nothing could be listed. */
  isAll: boolean;
}

/**
 * Makes due what has changed: rows, gaps that ended, and shards that either store holds. A node that RTDB doesn't
 * list is told to `onFailure`, and keeps no other from it. Rejects where Postgres is away.
 */
export async function findDue(context: QueueContext): Promise<Unlisted> {
  const { statements, times } = context;
  for (const { name } of context.paths) {
    await noteGap(name, context);
    const leastBetweenS = times.touchedEveryMs / 1_000;
    await NOTE_TOUCHED.run(statements, { path: name, canary: CANARY_COUPLE, leastBetweenS });
  }
  const shardsOf = await countShards(context);
  const failures: { node: string; error: unknown }[] = [];
  const nodes = shardNodes(context.paths);
  for (const node of nodes) {
    if (context.isOver()) break;
    try {
      await listNode(node, shardsOf, context);
    } catch (error) {
      if (isForAll(error)) throw error;
      failures.push({ node: node.root.join('/'), error });
      for (const { path } of node.members) context.onFailure?.(path.name, THE_LIST, error);
    }
  }
  return { failures, isAll: failures.length > 0 && failures.length === nodes.length };
}

/** In place of a shard, where the list of them can't be read: no key of RTDB has brackets. */
const THE_LIST = '[the list of its shards]';

async function listNode(
  { root, members }: ShardNode,
  shardsOf: (path: string) => number,
  context: QueueContext,
): Promise<void> {
  const { statements, times, rtdb } = context;
  const names = members.map(({ path }) => path.name);
  const everyMs = Math.min(...names.map((name) => everyMsFor(times, shardsOf(name))));
  const [listing] = await BEGIN_LISTING.all(statements, {
    paths: names,
    everyS: Math.min(everyMs, times.listEveryMs) / 1_000,
  });
  if (listing === undefined) return;
  const { beganAt } = listing;
  const fullAgainS = everyMs / 1_000;
  for await (const page of rtdb.pagesOfKeys(root, listing.afterKey)) {
    const lastKey = page.at(-1) ?? null;
    const shards = page.filter((shard) => shard !== CANARY_COUPLE);
    for (const path of names) {
      await NOTE_LISTED.run(statements, { path, beganAt, shards, lastKey, fullAgainS });
    }
    // The next worker goes on from here.
    if (context.isOver()) return;
  }
  for (const path of names) {
    await noteRows({ path, beganAt, fullAgainS }, context);
    await END_LISTING.run(statements, { path, beganAt });
  }
}

async function noteGap(path: string, { statements }: QueueContext): Promise<void> {
  const { gapEnd } = await ENDED_GAP.one(statements, { path });
  if (gapEnd === null) return;
  let afterShard: string | null = null;
  do {
    const page = { path, gapEnd, afterShard, most: GAP_PAGE };
    const { lastShard }: { lastShard: string | null } = await NOTE_GAP.one(statements, page);
    afterShard = lastShard;
  } while (afterShard !== null);
}

async function noteRows(
  listing: { path: string; beganAt: string; fullAgainS: number },
  { statements }: QueueContext,
): Promise<void> {
  let afterKey: string | null = null;
  do {
    const page = { ...listing, canary: CANARY_COUPLE, afterKey, most: PAGE };
    const { lastKey }: { lastKey: string | null } = await NOTE_ROWS.one(statements, page);
    afterKey = lastKey;
  } while (afterKey !== null);
}

/** Reads what is due, and what becomes due meanwhile. */
export async function readDue(context: QueueContext): Promise<WorkDone> {
  const nodes = shardNodes(context.paths);
  const done: WorkDone = { read: 0, failed: 0, isIdle: false };
  const taken: { node: ShardNode; shard: string }[] = [];
  const shardsOf = await countShards(context);
  let refill: Promise<number> | null = null;
  let isBroken = false;
  const take = async () => {
    const more = await takeDue(nodes, context);
    taken.push(...more);
    return more.length;
  };
  const work = async () => {
    while (!isBroken && !context.isOver()) {
      const next = taken.shift();
      if (next !== undefined) await readOne(next.node, next.shard, { ...context, shardsOf }, done);
      else {
        refill ??= take().finally(() => {
          refill = null;
        });
        if ((await refill) === 0) return;
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

/** How many shards each path has. */
export async function countShards({
  statements,
}: Pick<QueueContext, 'statements'>): Promise<(path: string) => number> {
  const counted = new Map(
    (await COUNT_SHARDS.all(statements)).map(({ path, shards }) => [path, shards]),
  );
  return (path) => counted.get(path) ?? 0;
}
