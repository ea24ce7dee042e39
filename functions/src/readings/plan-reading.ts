import { instantOfMillis, millisOf } from '../values/event-time';
import type { JsonObject } from '../values/json';
import { keyId, partsOfKey } from './key-parts';
import { everyMsFor, type ProofTimes } from './proof-times';
import type { ReadingKind } from './reading';
import { fullEveryMs } from './reading-times';
import { isReadInParts, type NodeMember, type ShardNode } from './shard-node';
import type { ShardState } from './shard-state';

/** What is asked of a reading, beyond what is due. */
export interface ReadingRequest {
  /** Nothing less than that, where the last whole reading is older than `since`. Default: what is due. */
  atLeast?: { kind: 'whole' | 'full'; since: string };
  /** Only these days, where the path has one: `--from` and `--to`. */
  days?: DayRange;
}

/** Both included, `YYYY-MM-DD`. */
export interface DayRange {
  from: string;
  to: string;
}

/** What a reading is going to look at, of one path. */
export interface MemberPlan {
  member: NodeMember;
  state: ShardState;
  kind: ReadingKind;
  /** Null = none, or the path has no day. */
  range: DayRange | null;
  /** Further days. */
  days: ReadonlySet<string>;
  /** The keys whose values are wanted, of a path without a day; of suspects: the keys, whatever the path. */
  keys: ReadonlyMap<string, readonly string[]>;
  /** Of a path without a day: whether the set of its keys is wanted. */
  wantsKeys: boolean;
}

/** More days, or values, one by one would take longer than all of them at once. */
export const MAX_ONE_BY_ONE = 20;
/** The end of a range that has none. */
export const LAST_DAY = '9999-12-31';
const DAY_MS = 24 * 60 * 60 * 1000;

/** What a reading has to look at. A full reading of one path is one of all: its node is read whole. Pure. */
export function planReading(
  node: ShardNode,
  shard: string,
  states: readonly ShardState[],
  { atLeast, days }: ReadingRequest,
  times: ProofTimes,
  shardsOf: (path: string) => number,
): MemberPlan[] {
  const known = node.members.flatMap((member) => {
    const state = states.find(({ path }) => path === member.path.name);
    return state === undefined ? [] : [{ member, state }];
  });
  const wanted = known.map(({ member, state }): ReadingKind => {
    if (days !== undefined) return 'touched';
    const due = dueKind(member, shard, state, times, shardsOf(member.path.name));
    const readAt = state.reading?.read_at ?? '';
    return atLeast === undefined || readAt >= atLeast.since ? due : moreOf(due, atLeast.kind);
  });
  const most = ORDER.find((kind) => wanted.includes(kind)) ?? 'whole';
  const plans = known.map(({ member, state }) => planMember(member, state, most, times, days));
  const isFull = plans.some(({ kind, member }) => kind === 'full' && member.below.length > 0);
  return isFull ? plans.map((plan) => ({ ...plan, kind: 'full' })) : plans;
}

const ORDER: readonly ReadingKind[] = ['full', 'whole', 'touched', 'suspects'];

function moreOf(one: ReadingKind, other: ReadingKind): ReadingKind {
  return ORDER.indexOf(one) < ORDER.indexOf(other) ? one : other;
}

/** What is due of a shard. Pure. */
function dueKind(
  { path }: NodeMember,
  shard: string,
  { reading, readAt, pathBooks, moved, direct }: ShardState,
  times: ProofTimes,
  shards: number,
): ReadingKind {
  const fullAt = reading?.full_at ?? null;
  if (reading?.read_at == null || fullAt === null || reading.is_full_due) return 'full';
  const { gap_at: gapAt, restored_at: restoredAt } = pathBooks;
  if ([gapAt, restoredAt].some((at) => at !== null && fullAt < at)) return 'full';
  const nowMs = millisOf(readAt);
  if (nowMs >= millisOf(fullAt) + fullEveryMs(times, path, shard)) return 'full';
  if (nowMs >= millisOf(reading.read_at) + everyMsFor(times, shards)) return 'whole';
  const seenAt = lastOf(reading.read_at, reading.touched_at);
  const isTouched = moved?.some(([, at]) => at > seenAt) ?? true;
  return isTouched || direct.some(({ at }) => at > seenAt) ? 'touched' : 'suspects';
}

function planMember(
  member: NodeMember,
  state: ShardState,
  kind: ReadingKind,
  times: ProofTimes,
  days: DayRange | undefined,
): MemberPlan {
  const plan = { member, state, kind, range: null, days: NO_DAYS, keys: NO_KEYS, wantsKeys: false };
  if (kind === 'full') return plan;
  if (kind === 'suspects') return planSuspects(plan);
  // Of which of them nobody knows.
  if (state.moved === null) return { ...plan, kind: 'full' };
  if (member.aboveDay !== null) return planDays(plan, times, days);
  // Of one document, or of nodes without an order that could be asked for, a part costs as much as all.
  if (!isReadInParts(member)) return { ...plan, kind: 'full' };
  const seenAt = kind === 'whole' ? null : seenAtOf(state);
  const keys = new Map<string, readonly string[]>();
  for (const [what, at] of state.moved) {
    if (typeof what !== 'string' && (seenAt === null || at > seenAt)) keys.set(keyId(what), what);
  }
  for (const [id, key] of keysOf([...state.suspects, ...state.direct], member)) keys.set(id, key);
  if (kind === 'whole') for (const [id, key] of keysOf(state.open, member)) keys.set(id, key);
  if (keys.size > MAX_ONE_BY_ONE) return { ...plan, kind: 'full' };
  return { ...plan, keys, wantsKeys: kind === 'whole' };
}

const NO_DAYS: ReadonlySet<string> = new Set();
const NO_KEYS: MemberPlan['keys'] = new Map();

function planSuspects(plan: MemberPlan): MemberPlan {
  const { member, state } = plan;
  const days = daysOf(state.suspects, member);
  if (member.aboveDay !== null && days.size > MAX_ONE_BY_ONE) return { ...plan, kind: 'full' };
  return { ...plan, keys: keysOf(state.suspects, member), days };
}

/** Whatever days are asked for, those that a row touched are read with them: the shard counts as read up to now. */
function planDays(plan: MemberPlan, times: ProofTimes, asked: DayRange | undefined): MemberPlan {
  const { state, kind, member } = plan;
  const days = daysOf([...state.suspects, ...state.direct], member);
  if (kind === 'touched') {
    for (const day of movedDays(state, seenAtOf(state))) days.add(day);
    return days.size > MAX_ONE_BY_ONE
      ? { ...plan, kind: 'full' }
      : { ...plan, range: asked ?? null, days: daysBeside(asked ?? null, days) };
  }
  const range = wholeRange(state, times);
  for (const day of movedDays(state, null)) days.add(day);
  for (const day of daysOf(state.open, member)) days.add(day);
  const beside = daysBeside(range, days);
  return beside.size > MAX_ONE_BY_ONE
    ? { ...plan, kind: 'full' }
    : { ...plan, range, days: beside };
}

function daysBeside(range: DayRange | null, days: ReadonlySet<string>): Set<string> {
  return new Set([...days].filter((day) => range === null || day < range.from || day > range.to));
}

/**
 * From the day on which the last whole reading began, and some days back at least. To the end: a phone whose clock is
 * ahead writes days to come, and one with another calendar years to come.
 */
export function wholeRange({ reading, readAt }: ShardState, times: ProofTimes): DayRange {
  const back = dayOf(millisOf(readAt) - times.reconcileDays * DAY_MS);
  const last = reading?.read_at == null ? back : reading.read_at.slice(0, 10);
  return { from: [last, back].sort()[0] ?? back, to: LAST_DAY };
}

function dayOf(ms: number): string {
  return (instantOfMillis(ms) ?? '').slice(0, 10);
}

function movedDays({ moved }: ShardState, since: string | null): string[] {
  return (moved ?? []).flatMap(([what, at]) =>
    typeof what === 'string' && (since === null || at > since) ? [what] : [],
  );
}

function seenAtOf({ reading }: ShardState): string {
  return lastOf(reading?.read_at ?? '', reading?.touched_at ?? null);
}

function lastOf(at: string, other: string | null): string {
  return other !== null && other > at ? other : at;
}

function daysOf(keyed: readonly { key: JsonObject | null }[], { path }: NodeMember): Set<string> {
  const days = new Set<string>();
  if (path.dayColumn === null) return days;
  for (const { key } of keyed) {
    const day = key?.[path.dayColumn];
    if (typeof day === 'string') days.add(day);
  }
  return days;
}

function keysOf(
  keyed: readonly { key: JsonObject | null }[],
  { path }: NodeMember,
): Map<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>();
  for (const { key } of keyed) {
    if (key === null) continue;
    const parts = partsOfKey(path, key);
    keys.set(keyId(parts), parts);
  }
  return keys;
}
