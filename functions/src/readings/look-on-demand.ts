import type { MirroredPath } from '../paths/mirrored-path';
import type { Statements } from '../postgres/statements';
import { keyId } from './key-parts';
import { lookAtShard, type ShardSource } from './look-at-shard';
import { type DayRange, MAX_ONE_BY_ONE, type MemberPlan } from './plan-reading';
import type { ProofTimes } from './proof-times';
import type { Looked } from './reading';
import { isReadInParts, type NodeMember, type ShardNode } from './shard-node';
import { BEGIN_READING, type ShardState } from './shard-state';

/** What is looked at of a path's shard: all of it, some of its days (of a path that has any), or some keys. */
export type LookScope = { days: DayRange } | { keys: readonly (readonly string[])[] } | 'all';

/** What a look needs. */
export interface LookContext {
  statements: Statements;
  rtdb: ShardSource;
  retentionDays: number;
  times: ProofTimes;
}

/**
 * Looks at a shard in both stores as a reading does, at what somebody asks for, and sets nothing. Of keys it may
 * show more than was asked for. Rejects as the stores do.
 *
 * @param scopeOf by the name of the path
 */
export async function lookOnDemand(
  node: ShardNode,
  shard: string,
  scopeOf: (path: MirroredPath) => LookScope,
  context: LookContext,
): Promise<Looked[]> {
  const states = await BEGIN_READING.all(context.statements, {
    paths: node.members.map(({ path }) => path.name),
    shard,
    movedWithinDays: 0,
  });
  const plans = node.members.map((member) => {
    const state = states.find(({ path }) => path === member.path.name);
    if (state === undefined) throw undeclared(member);
    return planOf(member, state, scopeOf(member.path));
  });
  return Promise.all(lookAtShard(node, shard, plans, context));
}

function undeclared({ path }: NodeMember): Error {
  return new Error(`no migration declares the path ${path.name}: run \`mirror migrate\``);
}

function planOf(member: NodeMember, state: ShardState, scope: LookScope): MemberPlan {
  const whole: MemberPlan = {
    ...{ member, state, kind: 'full', range: null, days: new Set(), keys: new Map() },
    wantsKeys: false,
  };
  if (scope === 'all') return whole;
  if ('days' in scope) {
    return member.aboveDay === null ? whole : { ...whole, kind: 'touched', range: scope.days };
  }
  const keys = new Map(scope.keys.map((parts) => [keyId(parts), parts]));
  const { dayColumn, keyColumns } = member.path;
  const dayPlace = dayColumn === null ? -1 : keyColumns.indexOf(dayColumn);
  const days = new Set(dayPlace === -1 ? [] : scope.keys.map((parts) => parts[dayPlace] ?? ''));
  if (!isReadInParts(member) || days.size > MAX_ONE_BY_ONE) return whole;
  return { ...whole, kind: 'suspects', keys, days };
}
