import type { Leaf, MirroredPath } from '../paths/mirrored-path';
import type { Statements } from '../postgres/statements';
import { keyIssues, REFUSED_IN_KEY } from '../values/rtdb-key';
import { type ComparedKey, compareKey, type Row } from './compare-key';
import { withoutErased } from './erased-keys';
import { isTextKey, keyId, refOfParts } from './key-parts';
import { type FoundLeaf, leavesOfNode, type NodeLeaves } from './leaves-of-node';
import { LAST_DAY, MAX_ONE_BY_ONE, type MemberPlan, wholeRange } from './plan-reading';
import type { ProofTimes } from './proof-times';
import type { Looked } from './reading';
import { isReadInParts, type ShardNode, stepsOf } from './shard-node';
import { ROWS_OF } from './shard-state';

/** RTDB, as far as a reading needs it. Paths are literal keys, not encoded; rejects with RtdbReadError. */
export interface ShardSource {
  /** A node, whole; null where there is none. */
  read(path: readonly string[]): Promise<unknown>;
  /** A node's children from one key to another, both included. */
  readRange(path: readonly string[], from: string, to: string): Promise<unknown>;
  /** The keys of a node's children. */
  readKeys(path: readonly string[]): Promise<string[]>;
}

/**
 * Reads what was planned from both stores, and compares it key by key.
 *
 * @returns one for each plan, each rejects by itself as the stores do
 */
export function lookAtShard(
  { root }: ShardNode,
  shard: string,
  plans: readonly MemberPlan[],
  stores: { statements: Statements; rtdb: ShardSource; retentionDays: number; times: ProofTimes },
): Promise<Looked>[] {
  const keys = [...root, shard];
  // RTDB can't hold such a key, so it holds nothing there; asked for it, it would answer 400.
  const rtdb = askingOnce(keys.every(isHeldKey) ? stores.rtdb : NOTHING);
  const isFull = plans.some(({ kind, member }) => kind === 'full' && member.below.length > 0);
  const node = isFull ? rtdb.read(keys) : null;
  return plans.map(async (plan) => {
    const sides = await readMember(plan, keys, { ...stores, rtdb }, node);
    return withoutErased(lookedAt(plan, shard, sides, stores), stores.statements);
  });
}

const NOTHING: ShardSource = {
  read: () => Promise.resolve(null),
  readRange: () => Promise.resolve(null),
  readKeys: () => Promise.resolve([]),
};

/** Paths that share a node want the same of it: RTDB is asked once. */
function askingOnce(rtdb: ShardSource): ShardSource {
  const asked = new Map<string, Promise<unknown>>();
  const once = <T>(question: readonly unknown[], ask: () => Promise<T>): Promise<T> => {
    const id = JSON.stringify(question);
    const known = asked.get(id) as Promise<T> | undefined;
    const answer = known ?? ask();
    asked.set(id, answer);
    return answer;
  };
  return {
    read: (path) => once([path], () => rtdb.read(path)),
    readRange: (path, from, to) => once([path, from, to], () => rtdb.readRange(path, from, to)),
    readKeys: (path) => once([path, null], () => rtdb.readKeys(path)),
  };
}

function isHeldKey(key: string): boolean {
  return key !== '' && !REFUSED_IN_KEY.test(key) && keyIssues('key', key).length === 0;
}

interface Sides {
  found: NodeLeaves;
  rows: Row[];
  /** Whether RTDB holds anything of the shard; true where that was not asked. */
  hasNode: boolean;
  /** Keys that RTDB holds and whose values nobody asked for. */
  unread: ReadonlySet<string>;
}

async function readMember(
  plan: MemberPlan,
  keys: readonly string[],
  { statements, rtdb }: { statements: Statements; rtdb: ShardSource },
  node: Promise<unknown> | null,
): Promise<Sides> {
  const { member, state } = plan;
  const leavesOf = (value: unknown) => leavesOfNode(member, keys, value, state.readAt);
  const rows = readRows(plan, keys.at(-1) ?? '', statements);
  // Of a document's suspects too: there are no keys below it that could be asked for.
  if (plan.kind === 'full' || !isReadInParts(member)) {
    const [value, all] = await Promise.all([node ?? rtdb.read(keys), rows]);
    return { found: leavesOf(value), rows: all, hasNode: value !== null, unread: NO_KEYS };
  }
  if (member.aboveDay !== null) {
    const [value, some] = await Promise.all([readDays(plan, keys, rtdb), rows]);
    return { found: leavesOf(value), rows: some, hasNode: true, unread: NO_KEYS };
  }
  return readKeyed(plan, keys, rtdb, await rows, leavesOf);
}

const NO_KEYS: ReadonlySet<string> = new Set();
/** Behind every date, and whatever else stands in a date's place. */
const LAST_KEY = '\uf8ff';

function readRows(
  { member, kind, range, days, keys }: MemberPlan,
  shard: string,
  statements: Statements,
): Promise<Row[]> {
  const isKeyed = member.aboveDay === null && (kind === 'touched' || kind === 'suspects');
  const isDated = member.aboveDay !== null && kind !== 'full';
  return ROWS_OF.all(statements, {
    path: member.path.name,
    shards: [shard],
    fromDay: isDated ? (range?.from ?? null) : null,
    toDay: isDated ? (range?.to ?? null) : null,
    days: isDated ? [...days] : null,
    keys: isKeyed ? [...keys.values()].map((parts) => [...parts]) : null,
  });
}

/** The days of a range, and further ones, as the node above them would show them. */
async function readDays(
  { member, range, days }: MemberPlan,
  keys: readonly string[],
  rtdb: ShardSource,
): Promise<unknown> {
  const above = member.aboveDay ?? [];
  const at = [...keys, ...above];
  const [inRange, ...others] = await Promise.all([
    range === null
      ? null
      : rtdb.readRange(at, range.from, range.to === LAST_DAY ? LAST_KEY : range.to),
    ...[...days]
      .filter(isHeldKey)
      .map(async (day) => [day, await rtdb.read([...at, day])] as const),
  ]);
  // A node that is no branch is odd: it is shown as it is.
  if (inRange !== null && typeof inRange !== 'object') return inRange;
  const children = new Map<string, unknown>([...Object.entries(inRange ?? {}), ...others]);
  const node = Object.fromEntries(children) as unknown;
  return above.reduceRight((child, literal) => ({ [literal]: child }), node);
}

/** The set of keys where it is wanted, and the values of those that one store lacks or that may have changed. */
async function readKeyed(
  { member, keys: wanted, wantsKeys }: MemberPlan,
  keys: readonly string[],
  rtdb: ShardSource,
  rows: Row[],
  leavesOf: (value: unknown) => NodeLeaves,
): Promise<Sides> {
  const literals = member.below.flatMap((step) => ('literal' in step ? [step.literal] : []));
  const place = member.below.findIndex((step) => 'part' in step);
  const at = [...keys, ...literals.slice(0, place)];
  const held = wantsKeys ? await rtdb.readKeys(at) : [];
  const live = new Set(rows.filter((row) => !row.isTombstone).map(({ parts }) => parts[1] ?? ''));
  const lacking = held.filter((key) => !live.has(key));
  const asked = new Set([...[...wanted.values()].map((parts) => parts[1] ?? ''), ...lacking]);
  const unread = new Set(held.filter((key) => !asked.has(key)));
  const readable = [...asked].filter(isHeldKey);
  if (readable.length > MAX_ONE_BY_ONE) {
    return { found: leavesOf(await rtdb.read(keys)), rows, hasNode: true, unread: NO_KEYS };
  }
  const values = await Promise.all(
    readable.map(async (key) => [key, await rtdb.read([...at, key])] as const),
  );
  const node = literals
    .slice(0, place)
    .reduceRight<unknown>((child, literal) => ({ [literal]: child }), Object.fromEntries(values));
  return { found: leavesOf(node), rows, hasNode: true, unread };
}

function lookedAt(
  plan: MemberPlan,
  shard: string,
  { found, rows, hasNode, unread }: Sides,
  { retentionDays, times }: { retentionDays: number; times: ProofTimes },
): Looked {
  const { member, state, kind } = plan;
  const { path } = member;
  const options = { path, readAt: state.readAt, retentionDays };
  const covers = coverageOf(plan);
  const leaves = new Map(found.leaves.map((leaf) => [keyId(leaf.leaf.parts), leaf]));
  const compared: ComparedKey[] = [];
  const take = (leaf: Leaf, ref: string, held: FoundLeaf | null, row: Row | null) => {
    if (kind === 'suspects' && !covers(leaf.parts, 'value_mismatch')) return;
    compared.push(compareKey({ leaf, ref }, held, row, options));
  };
  for (const row of rows) {
    const id = keyId(row.parts);
    const held = leaves.get(id) ?? null;
    leaves.delete(id);
    // Both have it, and nothing says that either has changed.
    if (held === null && unread.has(row.parts[1] ?? '')) continue;
    take(leafOfParts(path, row.parts), refOfParts(path.ref, row.parts), held, row);
  }
  for (const held of leaves.values()) take(held.leaf, held.ref, held, null);
  return {
    ...{ kind, path, shard, state, hasNode, compared, covers },
    odd: found.odd,
    // Older days were looked at by the full reading alone.
    readFrom: path.dayColumn === null ? null : wholeRange(state, times).from,
  };
}

function coverageOf({ member, kind, range, days, keys, wantsKeys }: MemberPlan): Looked['covers'] {
  const { dayColumn, keyColumns } = member.path;
  const dayPlace = dayColumn === null ? -1 : keyColumns.indexOf(dayColumn);
  return (parts, difference) => {
    if (kind === 'full') return true;
    if (kind === 'suspects' || member.aboveDay === null) {
      if (wantsKeys && difference.startsWith('missing_')) return true;
      return keys.has(keyId(parts));
    }
    const day = parts[dayPlace] ?? '';
    const isInRange =
      range !== null && day >= range.from && (range.to === LAST_DAY || day <= range.to);
    return days.has(day) || (isInRange && isTextKey(day));
  };
}

export function leafOfParts({ ref }: MirroredPath, parts: readonly string[]): Leaf {
  const names =
    PART_NAMES.get(ref) ?? stepsOf(ref).flatMap((step) => ('part' in step ? [step.part] : []));
  PART_NAMES.set(ref, names);
  const key: Record<string, string> = {};
  for (let place = 0; place < names.length; place += 1) {
    key[names[place] as string] = parts[place] ?? '';
  }
  return { parts, key };
}

/** Of a ref: a key of every row is made with them. */
const PART_NAMES = new Map<string, readonly string[]>();
