import { WAS_FLAG_OFF } from '../coverage/coverage';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Statements } from '../postgres/statements';
import type { Json } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import {
  CANARY_ROW,
  CLOSE_CANARY_GAP,
  canaryLeaf,
  canaryRowOf,
  LAST_CANARY,
  NOTE_ARRIVAL,
  NOTE_CANARY,
  OPEN_CANARY_GAP,
  RECORD_CANARY_GAP,
} from './canaries';
import { type CanaryVerdict, judgeCanary } from './judge-canary';

/** RTDB, as far as canaries need it. Paths are literal keys, not encoded. */
export interface CanaryRtdb {
  read(path: readonly string[]): Promise<unknown>;
  write(path: readonly string[], value: Json): Promise<void>;
}

export interface CanaryContext {
  statements: Statements;
  rtdb: CanaryRtdb;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Looks for a path's canary that was last written, and notes what became of it.
 *
 * @returns null where none was expected: the flag, or this path's, was off; rejects where a store can't
 *   be reached
 */
export async function lookForCanary(
  mirrored: MirroredPath,
  context: CanaryContext,
): Promise<CanaryVerdict | null> {
  const verdict = await verdictOn(mirrored, context);
  if (verdict.verdict === 'lost') {
    const isExcused = await wasOff(mirrored.name, verdict.sinceMs, context.statements);
    if (isExcused) return null;
  }
  await noteVerdict(mirrored.name, verdict, context);
  return verdict;
}

/**
 * Writes a path's next canary. It is noted first: one that is written and not noted would be found
 * without anybody knowing how late it is. One that is noted and not written shows by what RTDB holds.
 */
export async function writeCanary(
  mirrored: MirroredPath,
  { statements, rtdb, now }: CanaryContext,
): Promise<void> {
  const ms = Math.floor(now());
  await NOTE_CANARY.run(statements, { path: mirrored.name, writtenAt: new Date(ms) });
  await rtdb.write(canaryLeaf(mirrored).path, valueAt(mirrored, ms));
}

async function verdictOn(
  mirrored: MirroredPath,
  { statements, rtdb, now }: CanaryContext,
): Promise<CanaryVerdict> {
  const last = await LAST_CANARY.first(statements, { path: mirrored.name });
  if (last === null) return { verdict: 'first' };
  const writtenMs = Math.round(last.writtenMs);
  const held = canonicalValue(await rtdb.read(canaryLeaf(mirrored).path));
  const row = await CANARY_ROW.first(statements, canaryRowOf(mirrored));
  return judgeCanary({
    writtenMs,
    expected: valueAt(mirrored, writtenMs),
    held,
    arrived: row && { payload: canonicalValue(row.payload), ageMs: row.ageMs },
    nowMs: now(),
  });
}

/** In RTDB's form, since a team's own function made it. */
function valueAt({ canary }: MirroredPath, ms: number): Json {
  return canonicalValue(canary(ms));
}

/** Also for a minute after it is on again: the instances don't all look at once. */
async function wasOff(path: string, atMs: number, statements: Statements): Promise<boolean> {
  return (await WAS_FLAG_OFF.one(statements, { at: new Date(atMs), path })).wasOff;
}

async function noteVerdict(
  path: string,
  verdict: CanaryVerdict,
  { statements }: CanaryContext,
): Promise<void> {
  if (verdict.verdict === 'first') return;
  if (verdict.verdict === 'lost') {
    const from = new Date(verdict.sinceMs);
    await OPEN_CANARY_GAP.run(statements, { path, from, evidence: { lost: true } });
    return;
  }
  const { lagMs } = verdict;
  const from = new Date(verdict.writtenMs);
  const to = new Date(verdict.writtenMs + lagMs);
  await NOTE_ARRIVAL.run(statements, { path, writtenAt: from, arrivedAt: to, lagMs });
  await CLOSE_CANARY_GAP.run(statements, { path });
  if (verdict.verdict === 'late') {
    const evidence = { late: true, lag_ms: lagMs };
    await RECORD_CANARY_GAP.run(statements, { path, from, to, evidence });
  }
}
