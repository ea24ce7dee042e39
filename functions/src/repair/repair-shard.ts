import type { MirroredPath } from '../paths/mirrored-path';
import type { ComparedKey, DifferenceKind } from '../readings/compare-key';
import { differenceOfWrite } from '../readings/difference-of-write';
import { type ExplainContext, explainDifferences } from '../readings/explain-differences';
import { keyId } from '../readings/key-parts';
import { type LookContext, lookOnDemand } from '../readings/look-on-demand';
import type { Looked } from '../readings/reading';
import type { ShardNode } from '../readings/shard-node';
import { inKeyOrder } from '../readings/taken-leaf';
import { REPAIR_ROWS, repairOf } from './repair-rows';

export type ShardRepair = ExplainContext & LookContext;

/**
 * What became of one difference.
 *
 * - `would_write`, `would_bury`: a dry run; to bury is to make a live row a tombstone
 * - `written`, `buried`: the row shows RTDB's state now
 * - `changed`: something wrote the row since it was compared, or RTDB: it was left alone
 * - `refused`: RTDB holds what the mirror refuses
 * - `retained`: RTDB dropped an old day, and the row stays on purpose
 * - `claimed`: an old phone claims it, and RTDB doesn't hold it: the claim stays, as a witness
 * - `not_buried`: more rows would have been buried than may be
 */
export type RepairOutcome =
  | 'would_write'
  | 'would_bury'
  | 'written'
  | 'buried'
  | 'changed'
  | 'refused'
  | 'retained'
  | 'claimed'
  | 'not_buried';

export interface RepairStep {
  path: string;
  key: ComparedKey;
  outcome: RepairOutcome;
}

/** How long a row that an event writes just now is waited for. */
const LOCK_WAIT = '2s';
const ROWS_AT_ONCE = 500;

/** What differs in one look, by what is to be done about it. Pure. */
export function sortDifferences(
  { compared, path }: Looked,
  isNamed: boolean,
): { left: RepairStep[]; write: ComparedKey[]; bury: ComparedKey[]; live: number } {
  const sorted = {
    left: [] as RepairStep[],
    write: [] as ComparedKey[],
    bury: [] as ComparedKey[],
    live: 0,
  };
  for (const key of compared) {
    const isLive = key.row !== null && !key.row.isTombstone;
    if (isLive) sorted.live += 1;
    if (key.state === 'none' || key.state === 'agrees') continue;
    const leave = (outcome: RepairOutcome) => sorted.left.push({ path: path.name, key, outcome });
    if (key.refusals.length > 0) leave('refused');
    else if (key.state === 'retained') leave('retained');
    else if (key.state === 'client_only' && !isNamed) leave('claimed');
    else if (key.rtdb === null) sorted.bury.push(key);
    else sorted.write.push(key);
  }
  return sorted;
}

/**
 * Sets rows to what RTDB holds: both stores are looked at once more, and each write is guarded by what the row
 * showed before that. So an event in between changes the version. Rejects as the stores do.
 *
 * @param keys of one path, which differed at the look before
 */
export async function repairKeys(
  node: ShardNode,
  path: MirroredPath,
  shard: string,
  keys: readonly ComparedKey[],
  context: ShardRepair,
): Promise<RepairStep[]> {
  const steps: RepairStep[] = [];
  const member = { ...node, members: node.members.filter((one) => one.path.name === path.name) };
  for (let start = 0; start < keys.length; start += ROWS_AT_ONCE) {
    const batch = keys.slice(start, start + ROWS_AT_ONCE).sort(inKeyOrder);
    const scope = { keys: batch.map(({ parts }) => parts) };
    const [looked] = await lookOnDemand(member, shard, () => scope, context);
    if (looked === undefined) continue;
    steps.push(...(await writeBatch(batch, looked, context)));
  }
  return steps;
}

async function writeBatch(
  before: readonly ComparedKey[],
  looked: Looked,
  context: ShardRepair,
): Promise<RepairStep[]> {
  const { statements, times } = context;
  const { path, shard, state } = looked;
  const now = new Map(looked.compared.map((key) => [keyId(key.parts), key]));
  const standing = before.flatMap((old) => {
    const key = now.get(keyId(old.parts));
    return key !== undefined && isWritable(key) ? [{ key, old }] : [];
  });
  const done = new Set<ComparedKey>();
  if (standing.length > 0) {
    const told = standing
      .map(({ key }) =>
        differenceOfWrite(key, key.state as DifferenceKind, 'repair', looked, times),
      )
      .filter(({ isTold }) => isTold);
    const differences = told.map(({ difference }) => difference);
    const { written } = await REPAIR_ROWS.one(statements, {
      ...{ path: path.name, shard, lockWait: LOCK_WAIT },
      found: await explainDifferences(differences, looked, context),
      repairs: standing.map(({ key, old }) => repairOf(key, old.row, path, state.readAt)),
    });
    for (const n of written) if (standing[n] !== undefined) done.add(standing[n].old);
  }
  return before.map((key) => {
    const by = key.rtdb === null ? 'buried' : 'written';
    return { path: path.name, key, outcome: done.has(key) ? by : 'changed' };
  });
}

function isWritable({ state, refusals }: ComparedKey): boolean {
  return state !== 'none' && state !== 'agrees' && state !== 'retained' && refusals.length === 0;
}
