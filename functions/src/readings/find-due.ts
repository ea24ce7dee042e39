import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { CANARY_COUPLE } from '../paths/quest-completions/canary-couple';
import { query, type Statements } from '../postgres/statements';
import { isForAll } from './each-shard';
import { everyMsFor, type ProofTimes } from './proof-times';
import { type ShardNode, shardNodes } from './shard-node';

/** RTDB's shards, page by page; those after one of them, in RTDB's order. */
export interface ShardList {
  pagesOfKeys(path: readonly string[], after: string | null): AsyncIterable<string[]>;
}

export interface FindDueContext {
  statements: Statements;
  rtdb: ShardList;
  times: ProofTimes;
  paths: readonly MirroredPath[];
  /** Receives each shard that could not be read, and each list of shards. */
  onFailure?(path: string, shard: string, error: unknown): void;
  /** Whether to stop. */
  isOver(): boolean;
}

/** Shards that are noted with one statement. */
const PAGE = 1_000;
const GAP_PAGE = 10_000;
/** Rows that moved: a backfill moves millions. */
const TOUCHED_PAGE = 10_000;

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
  text: `
select
  to_char(last_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_at,
  to_char(look_began_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as began_at
from mirror.note_touched($1, $2, make_interval(secs => $3), $4, $5, $6)
`,
  params: {
    path: 'text',
    canary: 'text',
    leastBetweenS: 'double precision',
    most: 'integer',
    afterAt: 'timestamptz?',
    beganAt: 'timestamptz?',
  },
  row: { lastAt: z.string().nullable(), beganAt: z.string() },
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
export async function findDue(context: FindDueContext): Promise<Unlisted> {
  for (const { name } of context.paths) {
    await noteGap(name, context);
    await noteTouched(name, context);
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
  context: FindDueContext,
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

async function noteGap(path: string, { statements }: FindDueContext): Promise<void> {
  const { gapEnd } = await ENDED_GAP.one(statements, { path });
  if (gapEnd === null) return;
  let afterShard: string | null = null;
  do {
    const page = { path, gapEnd, afterShard, most: GAP_PAGE };
    const { lastShard }: { lastShard: string | null } = await NOTE_GAP.one(statements, page);
    afterShard = lastShard;
  } while (afterShard !== null);
}

async function noteTouched(path: string, context: FindDueContext): Promise<void> {
  const { statements, times, isOver } = context;
  const asked = { path, canary: CANARY_COUPLE, leastBetweenS: times.touchedEveryMs / 1_000 };
  let page: { lastAt: string | null; beganAt: string | null } = { lastAt: null, beganAt: null };
  do {
    const next = { ...asked, most: TOUCHED_PAGE, afterAt: page.lastAt, beganAt: page.beganAt };
    page = await NOTE_TOUCHED.one(statements, next);
  } while (page.lastAt !== null && !isOver());
}

async function noteRows(
  listing: { path: string; beganAt: string; fullAgainS: number },
  { statements }: FindDueContext,
): Promise<void> {
  let afterKey: string | null = null;
  do {
    const page = { ...listing, canary: CANARY_COUPLE, afterKey, most: PAGE };
    const { lastKey }: { lastKey: string | null } = await NOTE_ROWS.one(statements, page);
    afterKey = lastKey;
  } while (afterKey !== null);
}

/** How many shards each path has. */
export async function countShards({
  statements,
}: Pick<FindDueContext, 'statements'>): Promise<(path: string) => number> {
  const counted = new Map(
    (await COUNT_SHARDS.all(statements)).map(({ path, shards }) => [path, shards]),
  );
  return (path) => counted.get(path) ?? 0;
}
