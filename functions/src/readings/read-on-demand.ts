import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { query, type Statements } from '../postgres/statements';
import { findDue } from './find-due';
import type { DayRange } from './plan-reading';
import { type QueueContext, readDue, type WorkDone } from './queue';
import { tellCauses } from './tell-causes';

/** What a person asks to be read now. */
export interface Demand {
  /** Only these shards; null = all that either store holds. */
  shards: readonly string[] | null;
  /** Every value, whatever its age. */
  isFull: boolean;
  /** Only these days; such a reading finds and resolves, and proves nothing of the rest. */
  days: DayRange | null;
}

const MAKE_DUE = query({
  text: `
select to_char(
  mirror.make_due($1, $2, $3) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
) as asked_at
`,
  params: { paths: 'text[]', shards: 'text[]', isFull: 'boolean' },
  row: { askedAt: z.string() },
});

const MAKE_PAGE_DUE = query({
  text: 'select mirror.make_page_due($1, $2, $3, null, $4, $5) as last_shard',
  params: {
    path: 'text',
    isFull: 'boolean',
    askedAt: 'timestamptz',
    afterShard: 'text?',
    most: 'integer',
  },
  row: { lastShard: z.string().nullable() },
});

/** Shards that are made due with one statement. */
const PAGE = 10_000;

const FORGET_LISTING = query({
  text: "select mirror.begin_listing($1, interval '0')",
  params: { paths: 'text[]' },
  row: {},
});

/** How long until the next second look is due, of these paths and shards; none = no row. */
const NEXT_LOOK = query({
  text: `
select
  greatest(0, extract(epoch from min(r.due_at) - clock_timestamp()) * 1000)::double precision
    as wait_ms
from mirror.suspects as s
join mirror.readings as r on r.path = s.path and r.shard = s.shard
where s.path = any ($1) and ($2::text[] is null or s.shard = any ($2))
having count(*) > 0
`,
  params: { paths: 'text[]', shards: 'text[]?' },
  row: { waitMs: z.number() },
});

/**
 * Reads all shards that are asked for at least once, and what differs until it is known whether it does.
 *
 * @returns rejects as the queue does
 */
export async function readOnDemand(demand: Demand, context: QueueContext): Promise<WorkDone> {
  const { statements } = context;
  const paths = context.paths.map(({ name }) => name);
  const { shards } = demand;
  if (shards === null) {
    await FORGET_LISTING.run(statements, { paths });
    const { isAll, failures } = await findDue(context);
    if (isAll) throw failures[0]?.error;
  }
  const askedAt = await makeDue(paths, demand, statements);
  const request =
    demand.days === null
      ? {
          atLeast: { kind: demand.isFull ? ('full' as const) : ('whole' as const), since: askedAt },
        }
      : { days: demand.days };
  const asked = { ...context, request, ...(shards === null ? {} : { shards }) };
  let done = await readDue(asked);
  for (let look = 1; look < context.times.looks; look += 1) {
    const waitMs = await nextLookIn(statements, paths, shards);
    if (waitMs === null || context.isOver()) break;
    await delay(waitMs);
    const more = await readDue(asked);
    done = { read: done.read + more.read, failed: done.failed + more.failed, isIdle: more.isIdle };
  }
  for (const path of paths) await tellCauses(path, context);
  return done;
}

/** Answers when that was asked, by the database's clock. */
async function makeDue(
  paths: readonly string[],
  { shards, isFull }: Demand,
  statements: Statements,
): Promise<string> {
  const asked = { paths, shards: shards ?? [], isFull };
  const { askedAt } = await MAKE_DUE.one(statements, asked);
  for (const path of shards === null ? paths : []) {
    let afterShard: string | null = null;
    do {
      const page = { path, isFull, askedAt, afterShard, most: PAGE };
      const { lastShard }: { lastShard: string | null } = await MAKE_PAGE_DUE.one(statements, page);
      afterShard = lastShard;
    } while (afterShard !== null);
  }
  return askedAt;
}

/** How long until the next second look is due, in ms; null = there is none. */
export async function nextLookIn(
  statements: Statements,
  paths: readonly string[],
  shards: readonly string[] | null,
): Promise<number | null> {
  return (await NEXT_LOOK.first(statements, { paths, shards }))?.waitMs ?? null;
}
