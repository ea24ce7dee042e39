import type { Command } from 'commander';
import { UsageError } from '../../errors/mirror-error';
import { countPurgeable, type Purged, purge } from '../../purge/purge';
import type { CommandContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { withPostgres } from '../open-postgres';

interface PurgeOptions {
  databaseUrlEnv: string;
  olderThan: number;
  dryRun?: true;
  json?: true;
}

/** A write may be delivered for 24 hours; a younger tombstone must be there to stand in its way. */
const LEAST_DAYS = 2;

/** `mirror purge`: removes tombstones beyond the platform's retries, and old evidence. */
export function registerPurge(program: Command, context: CommandContext): void {
  const command = program
    .command('purge')
    .description(
      'remove old tombstones of every path, and what nobody reads any more: counts of claims; direct writes, canaries and counts of arrivals of over 30 days; divergences that were resolved 90 days ago; rates of over 400 days',
    )
    .option(
      '--older-than <days>',
      `age of tombstones, such as 7d; at least ${LEAST_DAYS}d`,
      days,
      7,
    )
    .option('--dry-run', 'count, remove nothing')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: PurgeOptions) => runPurge(options, context));
}

async function runPurge(options: PurgeOptions, { env, writeOut }: CommandContext): Promise<void> {
  const purged = await withPostgres(env, options.databaseUrlEnv, async (statements) =>
    options.dryRun
      ? countPurgeable(statements, options.olderThan)
      : purge(statements, options.olderThan),
  );
  writeOut(options.json ? `${JSON.stringify(purged)}\n` : sentence(purged, options));
}

function sentence(purged: Purged, { dryRun, olderThan }: PurgeOptions): string {
  const { directWrites, canaries, claimCounts, rates, arrivals, divergences, erased } = purged;
  const byPath = Object.entries(purged.tombstones);
  const tombstones = byPath.reduce((sum, [, count]) => sum + count, 0);
  const paths = byPath.filter(([, count]) => count > 0).map((one) => one.join(' '));
  return (
    `${dryRun ? 'Would remove' : 'Removed'} ${tombstones} tombstones older than ${olderThan} days` +
    `${tombstones > 0 ? ` (${paths.join(', ')})` : ''}, ${directWrites} old direct writes, ` +
    `${canaries} old canaries, ${claimCounts} old counts of claims, ${rates} old rates, ` +
    `${arrivals} old counts of arrivals, ${divergences} divergences resolved long ago, ` +
    `${erased} hashes of erased ids.\n`
  );
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
