import type { Command } from 'commander';
import { z } from 'zod';
import { type BackupDone, reconcileBackup } from '../../backup/reconcile-backup';
import { openReadings } from '../../deploy/from-environment';
import { UsageError } from '../../errors/mirror-error';
import { query, type RowOf, type Statements } from '../../postgres/statements';
import { type QueueContext, type WorkDone, workQueue } from '../../readings/queue';
import { readOnDemand } from '../../readings/read-on-demand';
import type { RtdbAccess } from '../../rtdb/rtdb-client';
import type { CommandContext, ExitWith, VerbContext } from '../context';
import {
  dateRangeOption,
  pathsNamed,
  type ShardOptions,
  shardsOf,
  wholeNumber,
  withPathOption,
  withShardOption,
} from '../options';
import { jsonLine, printable } from '../printable';
import { createProgress } from '../progress';
import { type BackupOptions, refuseLoneTime, withBackup, withBackupOption } from '../with-backup';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface ReconcileOptions extends StoreOptions, ShardOptions, BackupOptions {
  path?: string[];
  full?: true;
  from?: string;
  to?: string;
  keepGoing?: true;
  concurrency: number;
  json?: true;
}

/** `mirror reconcile`: reads both stores now, shard by shard; writes nothing but what it found. */
export function registerReconcile(
  program: Command,
  context: VerbContext,
  exitWith: ExitWith,
): void {
  const command = program
    .command('reconcile')
    .description('read both stores now and log what differs; changes no row')
    .option('--full', 'every value, whatever its age (default: what may have changed)')
    .option('--from <date>', 'only these days, YYYY-MM-DD: finds and resolves, proves nothing else')
    .option('--to <date>', 'last day, included')
    .option(
      '--keep-going',
      'work what is due until nothing is, as mirrorReconcile does; as many at once as you like',
    )
    .option(
      '--concurrency <n>',
      'requests to RTDB at once',
      wholeNumber('--concurrency', 1, 256),
      16,
    )
    .option('--json', 'print one JSON object');
  withBackupOption(command, ['full', 'from', 'to', 'keepGoing']);
  withStoreOptions(withShardOption(withPathOption(command))).action((options: ReconcileOptions) =>
    reconcile(options, context, exitWith),
  );
}

/** What is known of the paths after it, by the newest readings. */
const SUMMARY = query({
  text: `
select
  known.path,
  known.shards,
  known.keys,
  known.in_flight,
  known.unread,
  coalesce(open.keys, 0)::integer as differing
from (
  select
    r.path,
    count(*)::integer as shards,
    coalesce(sum(r.keys), 0)::integer as keys,
    coalesce(sum(r.in_flight), 0)::integer as in_flight,
    (count(*) filter (where r.failed_at is not null))::integer as unread
  from mirror.readings as r
  where r.path = any ($1) and ($2::text[] is null or r.shard = any ($2))
  group by r.path
) as known
left join (
  select log.path, sum(log.keys) as keys
  from mirror.divergence_log as log
  where log.resolved_at is null
    and log.written_before is not null
    and log.kind in (
      'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch',
      'invalid_payload'
    )
    and ($2::text[] is null or log.shard = any ($2))
  group by log.path
) as open using (path)
order by known.path
`,
  params: { paths: 'text[]', shards: 'text[]?' },
  row: {
    path: z.string(),
    shards: z.number(),
    keys: z.number(),
    inFlight: z.number(),
    unread: z.number(),
    differing: z.number(),
  },
});

type PathSummary = RowOf<typeof SUMMARY>;

async function reconcile(
  options: ReconcileOptions,
  command: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  const paths = pathsNamed(options.path, command.declared().paths);
  const shards = shardsOf(options);
  const days = dateRangeOption(options);
  if (options.keepGoing && (options.full || days !== null || shards !== null)) {
    throw new UsageError('--keep-going works what is due: it takes only --path');
  }
  if (options.full && days !== null)
    throw new UsageError('--full reads all days: leave out --from');
  refuseLoneTime(options);
  const failures: { path: string; shard: string; reason: string }[] = [];
  const { done, summary } = await withStores(command, options, async (statements, access) => {
    const progress = createProgress(command, 'shards');
    let read = 0;
    const context: QueueContext = {
      ...openReadings(command.env, paths, { statements, rtdb: access }),
      concurrency: options.concurrency,
      isOver: () => false,
      onOutcome() {
        read += 1;
        progress.update(read);
      },
      onFailure: (path, shard, error) =>
        failures.push({ path, shard, reason: error instanceof Error ? error.message : '' }),
    };
    progress.start(await countOf(statements, paths, shards));
    try {
      const demand = { shards, isFull: options.full ?? false, days };
      const readLive = () =>
        options.keepGoing ? workQueue(context) : readOnDemand(demand, context);
      const done =
        options.backup === undefined
          ? await readLive()
          : await readBackupFile(options, command, context, access, shards);
      const names = paths.map(({ name }) => name);
      return { done, summary: await SUMMARY.all(statements, { paths: names, shards }) };
    } finally {
      progress.stop();
    }
  });
  if (options.json) command.writeOut(jsonLine({ ...done, paths: summary, failures }));
  else command.writeOut(formatDone(done, summary));
  for (const { path, shard, reason } of options.json ? [] : failures) {
    command.writeError(`mirror: ${path}, ${printable(shard)}: ${printable(reason)}\n`);
  }
  if (failures.length > 0) exitWith(1);
}

/** Reads in full as of a backup, and live what that alone doesn't tell. */
function readBackupFile(
  options: ReconcileOptions,
  command: CommandContext,
  context: QueueContext,
  { database: { instance } }: RtdbAccess,
  shards: readonly string[] | null,
): Promise<BackupDone> {
  const { statements, paths, retentionDays } = context;
  const stores = { statements, instance, paths, databaseUrlEnv: options.databaseUrlEnv };
  return withBackup(options, command, stores, ({ comparisons, takenAt, columnsDue }) => {
    const only = shards === null ? null : new Set(shards);
    const scope = { takenAt, columnsDue, retentionDays, shards: only };
    return reconcileBackup({ comparisons, scope }, context);
  });
}

async function countOf(
  statements: Statements,
  paths: readonly { name: string }[],
  shards: readonly string[] | null,
): Promise<number> {
  const known = await SUMMARY.all(statements, { paths: paths.map(({ name }) => name), shards });
  return known.reduce((sum, path) => sum + path.shards, 0);
}

function formatDone(done: WorkDone | BackupDone, summary: readonly PathSummary[]): string {
  const lines = summary.map(({ path, shards, keys, differing, inFlight, unread }) => {
    const parts = [
      `${keys} keys in ${shards} shards`,
      differing === 0 ? 'all agree' : `${differing} differ`,
      ...(inFlight > 0 ? [`${inFlight} in flight`] : []),
      ...(unread > 0 ? [`${unread} shards could not be read`] : []),
    ];
    return `  ${path}: ${parts.join(', ')}`;
  });
  const title =
    'read' in done
      ? `${done.read} readings`
      : `${done.compared} shards compared with the backup, ${done.looked} of them looked at in both stores`;
  return `${[title, ...lines].join('\n')}\n`;
}
