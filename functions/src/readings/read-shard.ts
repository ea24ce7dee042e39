import type { Statements } from '../postgres/statements';
import { decideReading } from './decide-reading';
import { type ExplainContext, explainDifferences, explainRenewed } from './explain-differences';
import { lookAtShard, type ShardSource } from './look-at-shard';
import { lookOnDemand } from './look-on-demand';
import { planReading, type ReadingRequest } from './plan-reading';
import type { ProofTimes } from './proof-times';
import type { Decision, Looked, ReadingKind } from './reading';
import type { ShardNode } from './shard-node';
import { BEGIN_READING, SET_READING } from './shard-state';

export interface ReadingContext extends ExplainContext {
  statements: Statements;
  rtdb: ShardSource;
  times: ProofTimes;
  retentionDays: number;
  /** How many shards a path has; the more there are, the more seldom each is read. */
  shardsOf(path: string): number;
}

/** What became of a reading of one path's shard. */
export interface ReadingOutcome {
  path: string;
  shard: string;
  kind: ReadingKind | 'backup';
  /** False: another reading was set since it began; the shard is still due. */
  isSet: boolean;
  keys: number;
  decision: Decision;
}

/** A path's shard that was read, or could not be. */
export type ReadingEnd = ReadingOutcome | { path: string; error: unknown };

/**
 * Reads a shard of every path of a node, from both stores, and sets what is known of it: one transaction a path. Of
 * a path that can't be read nothing is set, and the others are.
 *
 * @returns rejects as Postgres does where nothing could be begun
 */
export async function readShard(
  node: ShardNode,
  shard: string,
  request: ReadingRequest,
  context: ReadingContext,
): Promise<ReadingEnd[]> {
  const { statements, times, shardsOf } = context;
  const states = await BEGIN_READING.all(statements, {
    paths: node.members.map(({ path }) => path.name),
    shard,
    movedWithinDays: times.reconcileDays,
  });
  const plans = planReading(node, shard, states, request, times, shardsOf);
  const looks = lookAtShard(node, shard, plans, context);
  const ends = await Promise.allSettled(looks.map(async (looked) => settle(await looked, context)));
  return ends.map((end, n) =>
    end.status === 'fulfilled'
      ? end.value
      : { path: plans[n]?.member.path.name ?? '', error: end.reason as unknown },
  );
}

/**
 * Reads some keys of one path's shard from both stores, beside what is due: nothing is known of the rest afterwards.
 * What differs is looked at again by the queue's workers. Rejects as the stores do.
 *
 * @param keys their parts; 'all' = every value, which is a full reading
 */
export async function readBesideQueue(
  node: ShardNode,
  shard: string,
  keys: readonly (readonly string[])[] | 'all',
  context: ReadingContext,
): Promise<ReadingOutcome[]> {
  const scope = keys === 'all' ? keys : { keys };
  const looks = await lookOnDemand(node, shard, () => scope, context);
  return Promise.all(
    looks.map((looked) => settle(looked, context, looked.kind === 'full' ? 'full' : 'backup')),
  );
}

async function settle(
  looked: Looked,
  context: ReadingContext,
  kind: ReadingOutcome['kind'] = looked.kind,
): Promise<ReadingOutcome> {
  const { path, shard, state, readFrom, compared } = looked;
  const shards = context.shardsOf(path.name);
  const decision = decideReading(looked, { times: context.times, shards });
  const [found, rejudged] = await Promise.all([
    explainDifferences(decision.opened, looked, context),
    explainRenewed(decision.renewed, looked, context),
  ]);
  const causes = new Map(rejudged.map(({ id, ...cause }) => [id, cause]));
  const { isSet } = await SET_READING.one(context.statements, {
    reading: {
      ...{ path: path.name, shard, kind, found },
      began_at: state.readAt,
      read_at: state.readAt,
      seen_set_at: state.reading?.set_at ?? null,
      read_from: readFrom,
      counted_since: decision.countedSince,
      caught_up_at: decision.caughtUpAt,
      brought: decision.brought,
      in_flight: decision.inFlight,
      due_at: decision.dueAt,
      touched_again_at: decision.touchedAgainAt,
      is_full_due: decision.isFullDue,
      is_gone: decision.isGone,
      renewed: decision.renewed.map((row) => ({ ...row, ...causes.get(row.id) })),
      resolved: decision.resolved,
      suspects: decision.suspects.map((suspect) => ({ ...suspect })),
    },
  });
  return { path: path.name, shard, kind, isSet, keys: compared.length, decision };
}
