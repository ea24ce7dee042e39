import type { Command } from 'commander';
import { UsageError } from '../../errors/mirror-error';
import { CLAIMABLE_DAYS } from '../../paths/quest-completions/claimable-days';
import type { Statements } from '../../postgres/statements';
import {
  COUNT_PURGEABLE,
  COUNT_PURGEABLE_TOMBSTONES,
  PURGE_CANARIES,
  PURGE_CLAIM_COUNTS,
  PURGE_DIRECT_WRITES,
  PURGE_SHARDS,
  PURGE_TOMBSTONES,
  PURGEABLE_PATHS,
  type Purged,
  parsePurgeable,
  parsePurgeablePaths,
  parsePurgeableTombstones,
  parseRemovedTombstones,
} from '../../purge/purge';
import type { CommandContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { withPostgres } from '../open-postgres';

interface PurgeOptions {
  databaseUrlEnv: string;
  olderThan: number;
  dryRun?: true;
  json?: true;
}

const DAY_SECONDS = 86_400;
/** A write may be delivered for 24 hours; a younger tombstone must be there to stand in its way. */
const LEAST_DAYS = 2;
/** Evidence that no open question needs any more. */
const EVIDENCE_SECONDS = 30 * DAY_SECONDS;
/** Counts limit the claims of their own day. */
const CLAIM_COUNT_DAYS = 1;
const ROWS_AT_ONCE = 5_000;

/** `mirror purge`: removes tombstones beyond the platform's retries, and old evidence. */
export function registerPurge(program: Command, context: CommandContext): void {
  const command = program
    .command('purge')
    .description(
      'remove old tombstones of every path; old counts of claims; parts of runs, direct writes and canaries of over 30 days',
    )
    .option(
      '--older-than <days>',
      `age of tombstones, such as 7d; at least ${LEAST_DAYS}d`,
      days,
      7,
    )
    .option('--dry-run', 'count, remove nothing')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: PurgeOptions) => purge(options, context));
}

async function purge(options: PurgeOptions, { env, writeOut }: CommandContext): Promise<void> {
  const seconds = options.olderThan * DAY_SECONDS;
  const purged = await withPostgres(env, options.databaseUrlEnv, async (statements) =>
    options.dryRun ? countAll(seconds, statements) : removeAll(seconds, statements),
  );
  writeOut(options.json ? `${JSON.stringify(purged)}\n` : sentence(purged, options));
}

function sentence(purged: Purged, { dryRun, olderThan }: PurgeOptions): string {
  const { shards, directWrites, canaries, claimCounts } = purged;
  const byPath = Object.entries(purged.tombstones);
  const tombstones = byPath.reduce((sum, [, count]) => sum + count, 0);
  const paths = byPath.filter(([, count]) => count > 0).map((one) => one.join(' '));
  return (
    `${dryRun ? 'Would remove' : 'Removed'} ${tombstones} tombstones older than ${olderThan} days` +
    `${tombstones > 0 ? ` (${paths.join(', ')})` : ''}, ${shards} parts of old runs, ${directWrites} old direct writes, ` +
    `${canaries} old canaries, ${claimCounts} old counts of claims.\n`
  );
}

async function countAll(seconds: number, statements: Statements): Promise<Purged> {
  const tombstones = await statements.run(COUNT_PURGEABLE_TOMBSTONES, [seconds, CLAIMABLE_DAYS]);
  const others = await statements.run(COUNT_PURGEABLE, [EVIDENCE_SECONDS, CLAIM_COUNT_DAYS]);
  return { tombstones: parsePurgeableTombstones(tombstones), ...parsePurgeable(others) };
}

async function removeAll(seconds: number, statements: Statements): Promise<Purged> {
  return {
    tombstones: await removeTombstones(seconds, statements),
    shards: await removeAllOf(PURGE_SHARDS, EVIDENCE_SECONDS, statements),
    directWrites: await removeAllOf(PURGE_DIRECT_WRITES, EVIDENCE_SECONDS, statements),
    canaries: await removeAllOf(PURGE_CANARIES, EVIDENCE_SECONDS, statements),
    claimCounts: await removeAllOf(PURGE_CLAIM_COUNTS, CLAIM_COUNT_DAYS, statements),
  };
}

async function removeTombstones(
  seconds: number,
  statements: Statements,
): Promise<Purged['tombstones']> {
  const removed: Purged['tombstones'] = {};
  for (const path of parsePurgeablePaths(await statements.run(PURGEABLE_PATHS, []))) {
    const values = [seconds, ROWS_AT_ONCE, CLAIMABLE_DAYS, path];
    removed[path] = await untilFew(async () =>
      parseRemovedTombstones(await statements.run(PURGE_TOMBSTONES, values)),
    );
  }
  return removed;
}

function removeAllOf(statement: string, age: number, statements: Statements): Promise<number> {
  return untilFew(async () => (await statements.run(statement, [age, ROWS_AT_ONCE])).length);
}

/** By small transactions: events wait for none of them long. */
async function untilFew(removeSome: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const removed = await removeSome();
    total += removed;
    if (removed < ROWS_AT_ONCE) return total;
  }
}

function days(text: string): number {
  const value = /^(\d{1,5})d?$/.exec(text)?.[1];
  if (value === undefined || Number(value) < LEAST_DAYS) {
    throw new UsageError(
      `--older-than: expected days, such as 7d, and at least ${LEAST_DAYS}d: a younger tombstone ` +
        'still stands in the way of late writes',
    );
  }
  return Number(value);
}
