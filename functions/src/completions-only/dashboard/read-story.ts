import {
  type CompletionLeaf,
  parseCompletionPath,
} from '../../paths/quest-completions/completion-path';
import type { Statements } from '../../postgres/statements';
import { within } from '../../runtime/deadline';
import { DIVERGENCE_REF, parseDivergenceRef } from '../postgres/divergence-pages';
import { DIVERGENCES_OF_LEAF, parseLeafDivergences } from '../postgres/leaf-evidence';
import {
  type LeafStory,
  type PostgresSide,
  readPostgresSide,
  tellStory,
} from '../reconcile/leaf-story';
import type { RtdbTree } from '../rtdb-tree';

type Divergences = LeafStory['divergences'];

/** The story that a row of the table opens, as far as it can be told. */
export type OpenStory =
  | { kind: 'whole'; story: LeafStory }
  /** RTDB could not be read. */
  | { kind: 'postgres'; side: PostgresSide; reason: string }
  /** The ref names no single completion: a day, or nothing that the app writes. */
  | { kind: 'log'; ref: string; divergences: Divergences }
  | { kind: 'gone' };

export interface StoryContext {
  transactions: { read<T>(work: (statements: Statements) => Promise<T>): Promise<T> };
  rtdb: Pick<RtdbTree, 'readLeaf'>;
}

/** How long RTDB may take: the page is not to wait for it. */
const RTDB_WITHIN_MS = 2_500;

/** Reads the story of a divergence's leaf. Rejects as Postgres does; without RTDB it says so. */
export async function readStory(
  id: number,
  { transactions, rtdb }: StoryContext,
): Promise<OpenStory> {
  const known = await transactions.read(async (statements) => {
    const divergence = parseDivergenceRef(await statements.run(DIVERGENCE_REF, [id]));
    if (divergence === null) return null;
    const { path, ref } = divergence;
    const parsed = parseCompletionPath(ref, new Date().toISOString());
    if (path === 'quest_completions' && parsed.ok) {
      return { side: await readPostgresSide(parsed.leaf, statements) };
    }
    const rows = await statements.run(DIVERGENCES_OF_LEAF, [[ref], path]);
    return { ref, divergences: parseLeafDivergences(rows) };
  });
  if (known === null) return { kind: 'gone' };
  if (known.side === undefined) return { kind: 'log', ...known };
  // After the transaction: nothing of Postgres is held while RTDB is waited for.
  const read = await readRtdb(known.side.leaf, rtdb);
  return 'reason' in read
    ? { kind: 'postgres', side: known.side, reason: read.reason }
    : { kind: 'whole', story: tellStory(known.side, read.value) };
}

async function readRtdb(
  leaf: CompletionLeaf,
  rtdb: StoryContext['rtdb'],
): Promise<{ value: unknown } | { reason: string }> {
  try {
    return { value: await within(RTDB_WITHIN_MS, rtdb.readLeaf(leaf)) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : 'unknown' };
  }
}
