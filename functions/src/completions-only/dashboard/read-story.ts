import { DIVERGENCES_OF_LEAF } from '../../explain/leaf-evidence';
import {
  type LeafStory,
  type PostgresSide,
  readPostgresSide,
  tellStory,
} from '../../explain/leaf-story';
import { questCompletions } from '../../paths/quest-completions/quest-completions';
import type { RowOf, Statements } from '../../postgres/statements';
import { PROOF_TIMES } from '../../readings/proof-times';
import { within } from '../../runtime/deadline';
import { DIVERGENCE_REF, parseDivergenceRef } from '../postgres/divergence-pages';
import type { RtdbTree } from '../rtdb-tree';

type Divergences = RowOf<typeof DIVERGENCES_OF_LEAF>[];

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
  /** Default: days are kept for ever. */
  retentionDays?: number;
}

/** How long RTDB may take: the page is not to wait for it. */
const RTDB_WITHIN_MS = 2_500;

/** Reads the story of a divergence's leaf. Rejects as Postgres does; without RTDB it says so. */
export async function readStory(
  id: number,
  { transactions, rtdb, retentionDays = 0 }: StoryContext,
): Promise<OpenStory> {
  const known = await transactions.read(async (statements) => {
    const divergence = parseDivergenceRef(await statements.run(DIVERGENCE_REF, [id]));
    if (divergence === null) return null;
    const { path, ref } = divergence;
    const parsed = questCompletions.parsePath(ref, new Date().toISOString());
    if (path === questCompletions.name && parsed.ok) {
      const named = { path: questCompletions, leaf: parsed.leaf, ref };
      return { side: await readPostgresSide(named, statements, PROOF_TIMES) };
    }
    return { ref, divergences: await DIVERGENCES_OF_LEAF.all(statements, { refs: [ref], path }) };
  });
  if (known === null) return { kind: 'gone' };
  if (known.side === undefined) return { kind: 'log', ...known };
  // After the transaction: nothing of Postgres is held while RTDB is waited for.
  const read = await readRtdb(known.side.ref.split('/'), rtdb);
  return 'reason' in read
    ? { kind: 'postgres', side: known.side, reason: read.reason }
    : { kind: 'whole', story: tellStory(known.side, read.value, retentionDays) };
}

async function readRtdb(
  path: readonly string[],
  rtdb: StoryContext['rtdb'],
): Promise<{ value: unknown } | { reason: string }> {
  try {
    return { value: await within(RTDB_WITHIN_MS, rtdb.readLeaf(path)) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : 'unknown' };
  }
}
