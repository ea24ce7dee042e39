import {
  type CompletionLeaf,
  completionPath,
  couplePath,
  dayPath,
} from '../../paths/quest-completions/completion-path';
import { parseCompletionValue } from '../../paths/quest-completions/completion-value';
import type { Statements } from '../../postgres/statements';
import type { InputIssue, Json } from '../../values/json';
import { canonicalValue } from '../../values/rtdb-value';
import { type CoverageGap, parseCoverageGaps } from '../postgres/gate-evidence';
import {
  DIRECT_WRITE_OF_LEAF,
  DIVERGENCES_OF_LEAF,
  GAPS_OF_LEAF,
  parseDirectWrite,
  parseLeafDivergences,
  parseLeafRow,
  parseLeafRuns,
  ROW_OF_LEAF,
  RUNS_OF_LEAF,
} from '../postgres/leaf-evidence';
import { DATABASE_CLOCK, parseClock } from '../postgres/reconcile-runs';
import type { RtdbTree } from '../rtdb-tree';
import { type Comparison, compareLeaf } from './compare-leaf';

/** All that the stores know of one leaf. */
export interface LeafStory {
  ref: string;
  leaf: CompletionLeaf;
  /** When it was told, by the database's clock. */
  asOf: string;
  comparison: Comparison;
  rtdb: {
    value: Json;
    /** What the mirror refuses of the value. */
    issues: InputIssue[];
  };
  row: ReturnType<typeof parseLeafRow>;
  /** Of the leaf and of its day, oldest first. */
  divergences: ReturnType<typeof parseLeafDivergences>;
  /** The last write that went past the mirror. */
  directWrite: ReturnType<typeof parseDirectWrite>;
  /** Times in which mirroring was not fully on, and which touch the leaf's day or its writes. */
  gaps: CoverageGap[];
  /** The newest runs that compared it. */
  runs: ReturnType<typeof parseLeafRuns>;
}

/** What Postgres alone knows of a leaf. */
export type PostgresSide = Omit<LeafStory, 'comparison' | 'rtdb'>;

/** Reads a leaf's story from both stores. Rejects as they do. */
export async function readLeafStory(
  leaf: CompletionLeaf,
  statements: Statements,
  rtdb: Pick<RtdbTree, 'readLeaf'>,
): Promise<LeafStory> {
  const [value, side] = await Promise.all([
    rtdb.readLeaf(leaf),
    readPostgresSide(leaf, statements),
  ]);
  return tellStory(side, value);
}

/** Reads what Postgres knows of a leaf. Rejects as `statements` do. */
export async function readPostgresSide(
  leaf: CompletionLeaf,
  statements: Statements,
): Promise<PostgresSide> {
  const key = [leaf.coupleId, leaf.dateKey, leaf.questId, leaf.userId];
  const ref = completionPath(leaf);
  const [clock, rowRows, divergenceRows, writeRows, runRows] = await Promise.all([
    statements.run(DATABASE_CLOCK, []),
    statements.run(ROW_OF_LEAF, key),
    statements.run(DIVERGENCES_OF_LEAF, [
      [ref, dayPath(leaf), couplePath(leaf)],
      'quest_completions',
    ]),
    statements.run(DIRECT_WRITE_OF_LEAF, key),
    statements.run(RUNS_OF_LEAF, [leaf.coupleId, leaf.dateKey]),
  ]);
  const row = parseLeafRow(rowRows);
  const divergences = parseLeafDivergences(divergenceRows);
  const written = [row?.eventTime, row?.completedAt, ...divergences.map((one) => one.eventTime)];
  const gaps = await statements.run(GAPS_OF_LEAF, [leaf.dateKey, written.filter((at) => at)]);
  return {
    ref,
    leaf,
    asOf: parseClock(clock),
    row,
    divergences,
    directWrite: parseDirectWrite(writeRows),
    gaps: parseCoverageGaps(gaps),
    runs: parseLeafRuns(runRows),
  };
}

/** Sets what RTDB holds beside what Postgres knows. Pure. */
export function tellStory(side: PostgresSide, value: unknown): LeafStory {
  const parsed = parseCompletionValue(value, side.asOf);
  const reading = parsed.ok ? parsed.state : { completed: null, value: parsed.value };
  const isNothing = parsed.ok && !parsed.state.completed && parsed.state.gone;
  const { row } = side;
  return {
    ...side,
    comparison: compareLeaf(
      isNothing ? null : reading,
      row && { payload: canonicalValue(row.payload), isTombstone: row.isTombstone },
    ),
    rtdb: { value: canonicalValue(value), issues: parsed.ok ? [] : parsed.issues },
  };
}
