import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { query, type Statements } from '../postgres/statements';
import type { ComparedKey } from '../readings/compare-key';
import { eachShard } from '../readings/each-shard';
import { countShards } from '../readings/find-due';
import { type QueueContext, readDue } from '../readings/queue';
import { nextLookIn } from '../readings/read-on-demand';
import { type ReadingContext, readBesideQueue } from '../readings/read-shard';
import { shardNodes } from '../readings/shard-node';
import type { PathComparison, PathEnd } from './compare-backup';
import { type BackupScope, type LiveLook, looksOfBackup } from './looks-of-backup';
import type { Pair } from './shard-pairs';

export interface BackupReading {
  comparisons: AsyncIterable<PathComparison | PathEnd>;
  scope: BackupScope;
}

export interface BackupDone {
  /** Shards of either side that were compared, and of those that were looked at in both stores. */
  compared: number;
  looked: number;
  failed: number;
}

const NOTE_BACKUP = query({
  text: 'select mirror.note_backup($1, $2, $3, $4, $5, $6) as last_shard',
  params: {
    path: 'text',
    takenAt: 'timestamptz',
    only: 'text[]?',
    but: 'text[]',
    after: 'text?',
    most: 'integer',
  },
  row: { lastShard: z.string().nullable() },
});

const SUSPECTED_SHARDS = query({
  text: `
select distinct s.shard
from mirror.suspects as s
where s.path = any ($1) and ($2::text[] is null or s.shard = any ($2))
limit $3
`,
  params: { paths: 'text[]', shards: 'text[]?', most: 'bigint' },
  row: { shard: z.string() },
});

/** Shards that are noted with one statement, or whose second look is waited for; more are left to the queue. */
const PAGE = 5_000;
/** Another reading may be set while one looks. */
const TRIES = 3;

/**
 * Compares a backup with the rows of its time: what agrees is read in full as of then, and what doesn't, or whose
 * row moved since, is looked at in both stores now. Shards that can't be looked at are told and stay as they were.
 *
 * @returns rejects as the backup's reader and the stores do; then nothing is known to be read in full
 */
export async function reconcileBackup(
  { comparisons, scope }: BackupReading,
  context: QueueContext,
): Promise<BackupDone> {
  const done: BackupDone = { compared: 0, looked: 0, failed: 0 };
  const but = new Map<MirroredPath, string[]>();
  const reading: ReadingContext = { ...context, shardsOf: await countShards(context) };
  const counted = { ...scope, onShard: () => count(done, scope) };
  const wanted = {
    isWanted: (pair: Pair, stateOf: () => ComparedKey['state']) => isInDoubt(pair, stateOf, scope),
    wantsOdd: true,
  };
  await eachShard<LiveLook>(looksOfBackup(comparisons, wanted, counted), {
    concurrency: context.concurrency,
    async work(look) {
      await lookLive(look, reading, context);
      done.looked += 1;
    },
    onFailure({ path, shard }, error) {
      done.failed += 1;
      but.set(path, [...(but.get(path) ?? []), shard]);
      context.onFailure?.(path.name, shard, error);
    },
  });
  for (const path of context.paths) await noteBackup(path, but.get(path) ?? [], scope, context);
  await lookAgain(scope, context);
  return done;
}

function count(done: BackupDone, { onShard }: BackupScope): void {
  done.compared += 1;
  onShard?.();
}

/** Whether the backup alone doesn't tell that both stores agree. */
export function isInDoubt(
  { row }: Pair,
  stateOf: () => ComparedKey['state'],
  { takenAt }: Pick<BackupScope, 'takenAt'>,
): boolean {
  if (row !== null && row.mirroredAt > takenAt) return true;
  const state = stateOf();
  return state !== 'agrees' && state !== 'none' && state !== 'retained';
}

async function lookLive(
  { path, shard, keys }: LiveLook,
  reading: ReadingContext,
  { onOutcome }: QueueContext,
): Promise<void> {
  const [node] = shardNodes([path]);
  if (node === undefined) return;
  for (let attempt = 1; ; attempt += 1) {
    const outcomes = await readBesideQueue(node, shard, keys, reading);
    for (const outcome of outcomes) onOutcome?.(outcome);
    if (outcomes.every(({ isSet }) => isSet)) return;
    if (attempt === TRIES) throw new Error('other readings of the shard were set meanwhile');
  }
}

async function noteBackup(
  { name }: MirroredPath,
  but: readonly string[],
  { takenAt, shards }: BackupScope,
  { statements }: { statements: Statements },
): Promise<void> {
  const only = shards === null ? null : [...shards];
  let after: string | null = null;
  do {
    const page = { path: name, takenAt, only, but, after, most: PAGE };
    const { lastShard }: { lastShard: string | null } = await NOTE_BACKUP.one(statements, page);
    after = lastShard;
  } while (after !== null);
}

/** What differs is known to once it was looked at twice. */
async function lookAgain({ shards }: BackupScope, context: QueueContext): Promise<void> {
  const { statements, times } = context;
  const paths = context.paths.map(({ name }) => name);
  const only = shards === null ? null : [...shards];
  for (let look = 1; look < times.looks && !context.isOver(); look += 1) {
    const some = await SUSPECTED_SHARDS.all(statements, { paths, shards: only, most: PAGE });
    if (some.length === 0) return;
    const suspected = some.map(({ shard }) => shard);
    await delay((await nextLookIn(statements, paths, suspected)) ?? 0);
    await readDue({ ...context, shards: suspected });
  }
}
