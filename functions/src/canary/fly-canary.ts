import type { MirroredPath } from '../paths/mirrored-path';
import {
  CANARY_ROW,
  CLOSE_CANARY_GAP,
  LAST_CANARY,
  NOTE_ARRIVAL,
  NOTE_CANARY,
  OPEN_CANARY_GAP,
  parseCanaryRow,
  parseLastCanary,
  RECORD_CANARY_GAP,
} from '../postgres/canaries';
import { parseWasFlagOff, WAS_FLAG_OFF } from '../postgres/coverage';
import type { Statements } from '../postgres/statements';
import type { Json } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import { canaryLeaf, canaryRowValues } from './canary-leaf';
import { type CanaryVerdict, judgeCanary } from './judge-canary';

/** RTDB, as far as canaries need it. Paths are literal keys, not encoded. */
export interface CanaryPerch {
  read(path: readonly string[]): Promise<unknown>;
  write(path: readonly string[], value: Json): Promise<void>;
}

export interface CanaryContext {
  statements: Statements;
  perch: CanaryPerch;
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
  { statements, perch, now }: CanaryContext,
): Promise<void> {
  const ms = Math.floor(now());
  await statements.run(NOTE_CANARY, [mirrored.name, new Date(ms).toISOString()]);
  await perch.write(canaryLeaf(mirrored).path, valueAt(mirrored, ms));
}

async function verdictOn(
  mirrored: MirroredPath,
  { statements, perch, now }: CanaryContext,
): Promise<CanaryVerdict> {
  const writtenMs = parseLastCanary(await statements.run(LAST_CANARY, [mirrored.name]));
  if (writtenMs === null) return { verdict: 'first' };
  const held = canonicalValue(await perch.read(canaryLeaf(mirrored).path));
  const row = parseCanaryRow(await statements.run(CANARY_ROW, canaryRowValues(mirrored)));
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
  return parseWasFlagOff(await statements.run(WAS_FLAG_OFF, [new Date(atMs).toISOString(), path]));
}

async function noteVerdict(
  path: string,
  verdict: CanaryVerdict,
  { statements }: CanaryContext,
): Promise<void> {
  if (verdict.verdict === 'first') return;
  if (verdict.verdict === 'lost') {
    const since = new Date(verdict.sinceMs).toISOString();
    await statements.run(OPEN_CANARY_GAP, [path, since, JSON.stringify({ lost: true })]);
    return;
  }
  const { lagMs, writtenMs } = verdict;
  const times = [writtenMs, writtenMs + lagMs].map((ms) => new Date(ms).toISOString());
  await statements.run(NOTE_ARRIVAL, [path, ...times, lagMs]);
  await statements.run(CLOSE_CANARY_GAP, [path]);
  if (verdict.verdict === 'late') {
    const detail = JSON.stringify({ late: true, lag_ms: lagMs });
    await statements.run(RECORD_CANARY_GAP, [path, ...times, detail]);
  }
}
