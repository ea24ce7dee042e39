import { isBeyondRetention } from '../../mirror/claim';
import { completionPath, parseCompletionPath } from '../../paths/quest-completions/completion-path';
import { compareKeys } from '../../paths/quest-completions/key-order';
import { partnerOf } from '../../paths/quest-completions/partner';
import type { Statements } from '../../postgres/statements';
import { instantOfMillis } from '../../values/event-time';
import { compareUtf8 } from '../../values/utf8-order';
import {
  parseRepaired,
  parseVersions,
  REPAIR_ROWS,
  type Repair,
  ROW_VERSIONS,
  type RowVersion,
  repairsParameter,
  versionsParameter,
} from '../postgres/repairs';
import type { RtdbTree } from '../rtdb-tree';
import { compareSides, type Difference } from './compare-sides';
import { completedAtOf } from './read-completions';
import {
  couplesPerSlice,
  type DateRange,
  openSides,
  readCouples,
  readRange,
  type Sides,
  type SidesRead,
} from './read-sides';
import { shardsOf } from './shards';

/** What a repair looks at. */
export interface RepairRequest extends DateRange {
  /** Only these couples; null = all that RTDB or Postgres has. */
  couples: string[] | null;
  /** Only these leaves (paths); null = all of the couples' days. */
  leaves: ReadonlySet<string> | null;
  /** False: only tells what it would do. */
  write: boolean;
}

export interface RepairContext {
  statements: Statements;
  rtdb: RtdbTree;
  retentionDays: number;
}

/** What became of one difference: see {@link RepairOutcome}. */
export interface RepairStep {
  difference: Difference;
  outcome: RepairOutcome;
}

/**
 * - `would_write`: a dry run
 * - `written`: the row shows RTDB's state now
 * - `changed`: something wrote the row since it was compared; it was left alone
 * - `refused`: RTDB holds what the mirror refuses
 * - `retained`: RTDB dropped an old day, and the row stays on purpose
 */
export type RepairOutcome = 'would_write' | 'written' | 'changed' | 'refused' | 'retained';

/** How long a row that an event writes just now is waited for. */
const LOCK_WAIT = '2s';
const ROWS_AT_ONCE = 500;

/**
 * Compares both sides and sets the rows that differ to what RTDB holds, each guarded by the version
 * that its row had before RTDB was read once more.
 */
export async function* repair(
  request: RepairRequest,
  context: RepairContext,
): AsyncGenerator<RepairStep> {
  const sides = openSides(context);
  for await (const { leaves, rows } of readAll(request, sides)) {
    const found = chosen(compareSides(leaves, rows).differences, request);
    for (let start = 0; start < found.length; start += ROWS_AT_ONCE) {
      yield* repairBatch(found.slice(start, start + ROWS_AT_ONCE), request, context, sides);
    }
  }
}

/** Parts of both sides, with couples that only one of them has. */
async function* readAll(request: RepairRequest, sides: Sides): AsyncGenerator<SidesRead> {
  const size = couplesPerSlice(request);
  if (request.couples === null) {
    for (const { range, couples } of shardsOf(await sides.rtdb.listCouples(), size)) {
      yield* readRange(range, couples, request, sides);
    }
    return;
  }
  const couples = [...new Set(request.couples)].sort(compareUtf8);
  for (let start = 0; start < couples.length; start += size) {
    yield await readCouples(couples.slice(start, start + size), request, sides);
  }
}

function chosen(differences: readonly Difference[], { leaves }: RepairRequest): Difference[] {
  return differences.filter(({ key }) => leaves === null || leaves.has(completionPath(key)));
}

async function* repairBatch(
  batch: readonly Difference[],
  request: RepairRequest,
  context: RepairContext,
  sides: Sides,
): AsyncGenerator<RepairStep> {
  const open: Difference[] = [];
  for (const difference of batch) {
    const obstacle = obstacleTo(difference, context);
    if (obstacle !== null) yield { difference, outcome: obstacle };
    else if (request.write) open.push(difference);
    else yield { difference, outcome: 'would_write' };
  }
  yield* writeRepairs(open, request, sides);
}

/** Why a difference can't or shall not be repaired; null where it can. */
function obstacleTo(
  { key, leaf }: Difference,
  { retentionDays }: RepairContext,
): 'refused' | 'retained' | null {
  const now = instantOfMillis(Date.now()) ?? '';
  const path = parseCompletionPath(completionPath(key), now);
  if (leaf?.completed === null || !path.ok) return 'refused';
  return leaf === null && isBeyondRetention(key.dateKey, now, retentionDays) ? 'retained' : null;
}

/** First the rows' versions, then RTDB once more: so an event in between changes the version. */
async function* writeRepairs(
  differences: Difference[],
  request: RepairRequest,
  sides: Sides,
): AsyncGenerator<RepairStep> {
  if (differences.length === 0) return;
  const keys = differences.map(({ key }) => key);
  const asked = await sides.statements.run(ROW_VERSIONS, [versionsParameter(keys)]);
  const versions = new Map<string, RowVersion>();
  parseVersions(asked, keys.length).forEach((version, n) => {
    const key = keys[n];
    if (version !== undefined && key !== undefined) versions.set(completionPath(key), version);
  });
  const couples = [...new Set(keys.map(({ coupleId }) => coupleId))].sort(compareUtf8);
  const paths = new Set(keys.map(completionPath));
  const { leaves, rows } = await readCouples(couples, request, sides);
  const ordered = chosen(compareSides(leaves, rows).differences, { ...request, leaves: paths })
    .filter(({ leaf }) => leaf?.completed !== null)
    .sort((a, b) => compareKeys(a.key, b.key));
  if (ordered.length === 0) return;
  const repairs = ordered.map((difference) => repairOf(difference, versions));
  const answer = await sides.statements.run(REPAIR_ROWS, [repairsParameter(repairs), LOCK_WAIT]);
  const repaired = parseRepaired(answer);
  for (const [n, difference] of ordered.entries()) {
    yield { difference, outcome: repaired[n] === true ? 'written' : 'changed' };
  }
}

function repairOf({ key, leaf }: Difference, versions: ReadonlyMap<string, RowVersion>): Repair {
  const isCompleted = leaf?.completed === true;
  return {
    key,
    partnerId: partnerOf(key.coupleId, key.userId),
    payload: isCompleted ? leaf.payload : null,
    completedAt: isCompleted ? completedAtOf(key.dateKey, leaf) : null,
    seen: versions.get(completionPath(key)) ?? null,
  };
}
