import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { questCompletions } from '../paths/quest-completions/quest-completions';
import { query, type Statements } from '../postgres/statements';
import { type ComparedKey, compareKey, type DifferenceKind } from '../readings/compare-key';
import { keysNotErased } from '../readings/erased-keys';
import { type ExplainContext, explainDifferences } from '../readings/explain-differences';
import { keyId, refOfParts } from '../readings/key-parts';
import { leavesOfNode } from '../readings/leaves-of-node';
import { leafOfParts } from '../readings/look-at-shard';
import { PROOF_TIMES } from '../readings/proof-times';
import type { Looked } from '../readings/reading';
import { lastLookAt } from '../readings/reading-times';
import { shardNodes } from '../readings/shard-node';
import { BEGIN_READING } from '../readings/shard-state';
import { type Reading, type RtdbAccess, requestRtdb } from '../rtdb/rtdb-client';
import { ByteBudget } from '../runtime/byte-budget';
import { orAborted } from '../runtime/deadline';
import { instantOfMillis } from '../values/event-time';
import { escapeText } from '../values/storable';
import { MAX_BYTES_OF_DAY, wholeDay } from './day-rows';

/** An event takes some milliseconds: a difference is looked at twice before it is called one. */
const SECOND_LOOK_AFTER_MS = 300;
const MAX_QUESTS_OF_DAY = 100;
/** Parsed, many small fields take some sixteen times their size. */
const MAX_BYTES_AT_ONCE = 8 * MAX_BYTES_OF_DAY;
/** Anybody may ask; the reconciler finds the rest. */
const MAX_LOGGED = 5;

const PATH = questCompletions;

/**
 * Compares a couple's day at this moment; what differs twice is logged as a divergence, a few leaves
 * at most, and none that the log has seen within the hour.
 *
 * @param signal ends the work: nothing is sent to either store any more
 * @returns whether both sides agree; false for a day that is too large to compare
 */
export async function compareDay(
  coupleId: string,
  dateKey: string,
  context: CompareDayContext,
  signal: AbortSignal,
): Promise<boolean> {
  const bounded = { ...context, statements: untilAborted(context.statements, signal) };
  const look = () => differencesOf(coupleId, dateKey, bounded, signal);
  const before = await look();
  if (before === null) return false;
  if (before.length === 0) return true;
  await delay(SECOND_LOOK_AFTER_MS, undefined, { signal });
  const first = new Set(before.map(({ ref }) => ref));
  const standing = (await look())?.filter(({ ref }) => first.has(ref));
  if (standing?.length === 0) return true;
  const some = (standing ?? []).slice(0, MAX_LOGGED);
  const unseen = await withoutSeen(some, bounded.statements);
  if (unseen.length > 0) await logDifferences(coupleId, unseen, bounded);
  return false;
}

export interface CompareDayContext extends Omit<ExplainContext, 'times'> {
  rtdb: DaySource;
  retentionDays: number;
}

/** What RTDB holds of a day. */
export interface DaySource {
  /** The first quests that somebody completed: quest -> user -> value. Rejects with RtdbReadError. */
  readCompletions(
    coupleId: string,
    dateKey: string,
    most: { quests: number; bytes: number },
    signal: AbortSignal,
  ): Promise<Reading>;
}

/**
 * Reads days over REST, once it is known that this RTDB is the one which the database mirrors.
 *
 * @param expectOwn rejects where it isn't; asked until it held
 */
export function daysOfRtdb(access: RtdbAccess, expectOwn: () => Promise<void>): DaySource {
  let isOwn = false;
  return {
    async readCompletions(coupleId, dateKey, { quests, bytes: maxBytes }, signal) {
      if (!isOwn) await expectOwn();
      isOwn = true;
      const path = ['daily_quests', coupleId, dateKey, 'completions'];
      const query = { orderBy: '"$key"', limitToFirst: String(quests) };
      return requestRtdb(access, { path, query, signal, maxBytes });
    },
  };
}

/** Those of the refs that the log has seen within the hour, from any writer. */
const REFS_SEEN_LATELY = query({
  text: `
select log.ref
from unnest($1::text[]) as asked (ref)
join mirror.divergence_log as log on log.ref = asked.ref
where log.path = 'quest_completions'
  and log.kind in (
    'missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch', 'client_only'
  )
  and log.last_seen_at > clock_timestamp() - interval '1 hour'
`,
  params: { refs: 'text[]' },
  row: { ref: z.string() },
});

const LOG_READING = query({
  text: `select mirror.log_reading($1, $2, 'api', $3, '[]', '[]')`,
  params: { path: 'text', shard: 'text', found: 'jsonb' },
  row: {},
});

const budget = new ByteBudget(MAX_BYTES_AT_ONCE);

/** Null where the day is too large. In turns: users choose how large their days are. */
async function differencesOf(
  coupleId: string,
  dateKey: string,
  context: CompareDayContext,
  signal: AbortSignal,
): Promise<ComparedKey[] | null> {
  const turn = budget.enter(MAX_BYTES_OF_DAY) ?? Promise.resolve();
  try {
    await orAborted(turn, signal);
    return await compareStores(coupleId, dateKey, context, signal);
  } finally {
    void turn.then(() => budget.leave(MAX_BYTES_OF_DAY));
  }
}

async function compareStores(
  coupleId: string,
  dateKey: string,
  { statements, rtdb, retentionDays }: CompareDayContext,
  signal: AbortSignal,
): Promise<ComparedKey[] | null> {
  const most = { quests: MAX_QUESTS_OF_DAY + 1, bytes: MAX_BYTES_OF_DAY };
  const [reading, rows] = await Promise.all([
    rtdb.readCompletions(coupleId, dateKey, most, signal),
    wholeDay(statements, { coupleId, dateKey }),
  ]);
  if (!reading.isWhole || rows === null) return null;
  const completions = reading.value;
  if (Object.keys(completions ?? {}).length > MAX_QUESTS_OF_DAY) return null;
  const readAt = instantOfMillis(Date.now()) ?? '';
  const options = { path: PATH, readAt, retentionDays };
  const held = new Map(
    leavesOf(coupleId, { [dateKey]: { completions } }, readAt).map((leaf) => [
      keyId(leaf.leaf.parts),
      leaf,
    ]),
  );
  const compared = rows.map((row) => {
    const found = held.get(keyId(row.parts)) ?? null;
    held.delete(keyId(row.parts));
    const ref = refOfParts(PATH.ref, row.parts);
    return compareKey({ leaf: leafOfParts(PATH, row.parts), ref }, found, row, options);
  });
  for (const found of held.values()) compared.push(compareKey(found, found, null, options));
  return keysNotErased(coupleId, compared.filter(isDifferent), statements);
}

function leavesOf(coupleId: string, days: unknown, readAt: string) {
  const [node] = shardNodes([PATH]);
  const member = node?.members[0];
  if (node === undefined || member === undefined) return [];
  return leavesOfNode(member, [...node.root, coupleId], days, readAt).leaves;
}

function isDifferent({ state }: ComparedKey): boolean {
  return state !== 'none' && state !== 'agrees' && state !== 'retained';
}

/** Without bounds of its own: it counts once a reading has seen it, too. */
async function logDifferences(
  shard: string,
  compared: readonly ComparedKey[],
  context: CompareDayContext,
): Promise<void> {
  const { statements } = context;
  const asked = { paths: [PATH.name], shard, movedWithinDays: 0 };
  const state = await BEGIN_READING.one(statements, asked);
  const looked: Looked = {
    ...{ kind: 'suspects', path: PATH, shard, state, readFrom: null, hasNode: true },
    ...{ compared, odd: [], covers: () => true },
  };
  const differences = compared.map((key) => {
    const { day } = PATH.placeOf({ key: {}, parts: key.parts });
    const at = { day, presence: true, movedAt: key.row?.mirroredAt ?? null };
    return {
      ...{ ref: key.ref, kind: key.state as DifferenceKind, compared: key, odd: null, keys: 1 },
      ...{ writtenAfter: lastLookAt(state, at, PROOF_TIMES), writtenBefore: state.readAt },
      resolvedBy: null,
    };
  });
  const rows = await explainDifferences(differences, looked, { ...context, times: PROOF_TIMES });
  const found = rows.map((row) => ({ ...row, written_after: null, written_before: null }));
  await LOG_READING.run(statements, { path: PATH.name, shard: escapeText(shard), found });
}

async function withoutSeen(
  compared: readonly ComparedKey[],
  statements: Statements,
): Promise<ComparedKey[]> {
  const refOf = ({ ref }: ComparedKey) => escapeText(ref);
  const found = await REFS_SEEN_LATELY.all(statements, { refs: compared.map(refOf) });
  const seen = new Set(found.map(({ ref }) => ref));
  return compared.filter((key) => !seen.has(refOf(key)));
}

function untilAborted(statements: Statements, signal: AbortSignal): Statements {
  return {
    async run(text, values) {
      signal.throwIfAborted();
      return statements.run(text, values, signal);
    },
  };
}
