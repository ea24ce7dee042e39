import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import { query } from '../postgres/statements';
import { everyMsFor } from './proof-times';
import { type ReadingContext, type ReadingOutcome, readShard } from './read-shard';
import { type ShardNode, shardNodes } from './shard-node';
import { FAIL_READING } from './shard-state';

/** RTDB's shards, page by page; those after one of them, in RTDB's order. */
export interface ShardList {
  pagesOfKeys(path: readonly string[], after: string | null): AsyncIterable<string[]>;
}

export interface QueueContext extends Omit<ReadingContext, 'shardsOf'> {
  rtdb: ReadingContext['rtdb'] & ShardList;
  paths: readonly MirroredPath[];
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
  text: 'select path, shard from mirror.take_due($1, make_interval(secs => $2), $3, $4)',
  params: { most: 'integer', leaseS: 'double precision', mates: 'jsonb', paths: 'text[]?' },
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
  const nodes = shardNodes(context.paths);
  await findDue(nodes, context);
  const done = await readDue(nodes, context);
  for (const { name } of context.paths)
    await NOTE_FIRST_PASS.run(context.statements, { path: name });
  return done;
}

/** Makes due what has changed: rows, gaps that ended, and shards that either store holds. */
export async function findDue(nodes: readonly ShardNode[], context: QueueContext): Promise<void> {
  const { statements, times } = context;
  for (const { name } of context.paths) {
    await noteGap(name, context);
    const leastBetweenS = times.touchedEveryMs / 1_000;
    await NOTE_TOUCHED.run(statements, { path: name, canary: CANARY_COUPLE, leastBetweenS });
  }
  const shardsOf = await countShards(context);
  for (const node of nodes) {
    if (context.isOver()) return;
    await listNode(node, shardsOf, context);
  }
}

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

async function readDue(nodes: readonly ShardNode[], context: QueueContext): Promise<WorkDone> {
  const done: WorkDone = { read: 0, failed: 0, isIdle: false };
  const taken: { node: ShardNode; shard: string }[] = [];
  const shardsOf = await countShards(context);
  let refill: Promise<void> | null = null;
  const take = async () => {
    taken.push(...(await takeDue(nodes, context)));
  };
  const worker = async () => {
    while (!context.isOver()) {
      if (taken.length === 0) {
        refill ??= take().finally(() => {
          refill = null;
        });
        await refill;
      }
      const next = taken.shift();
      if (next === undefined) return;
      await readOne(next.node, next.shard, { ...context, shardsOf }, done);
    }
  };
  await Promise.all(Array.from({ length: context.concurrency }, worker));
  await giveBack(taken, context);
  done.isIdle = !context.isOver();
  return done;
}

async function takeDue(
  nodes: readonly ShardNode[],
  { statements, times, paths }: QueueContext,
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
  try {
    for (const outcome of await readShard(node, shard, { kind: 'due' }, context)) {
      done.read += 1;
      context.onOutcome?.(outcome);
    }
  } catch (error) {
    done.failed += 1;
    await noteFailure(node, shard, error, context);
  }
}

/** Rejects where Postgres is away: then no shard can be read, and this one's lease ends by itself. */
async function noteFailure(
  { members }: ShardNode,
  shard: string,
  error: unknown,
  { statements, times, onFailure }: QueueContext,
): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  for (const { path } of members) {
    onFailure?.(path.name, shard, error);
    await FAIL_READING.run(statements, {
      path: path.name,
      shard,
      reason,
      againS: times.retryMs / 1_000,
    });
  }
}

async function countShards({ statements }: QueueContext): Promise<(path: string) => number> {
  const counted = new Map(
    (await COUNT_SHARDS.all(statements)).map(({ path, shards }) => [path, shards]),
  );
  return (path) => counted.get(path) ?? 0;
}
