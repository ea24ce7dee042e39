import { DIVERGENCES_OF_LEAF } from '../explain/leaf-evidence';
import {
  type LeafStory,
  type PostgresSide,
  readPostgresSide,
  tellStory,
} from '../explain/leaf-story';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Statements } from '../postgres/statements';
import type { ProofTimes } from '../readings/proof-times';
import { within } from '../runtime/deadline';
import { DIVERGENCE_REF } from './divergence-pages';

/** The story that a row of the table opens, as far as it can be told. */
export type OpenStory =
  | { kind: 'whole'; story: LeafStory }
  /** RTDB could not be read. */
  | { kind: 'postgres'; side: PostgresSide; reason: string }
  /** The ref names no single leaf: a shard, a day, or nothing that is mirrored. */
  | { kind: 'log'; ref: string; divergences: LeafStory['divergences'] }
  | { kind: 'gone' };

export interface StoryContext {
  transactions: { read<T>(work: (statements: Statements) => Promise<T>): Promise<T> };
  paths: readonly MirroredPath[];
  times: ProofTimes;
  retentionDays: number;
  /** RTDB's value at these keys; null where there is none. */
  readRtdb(keys: readonly string[]): Promise<unknown>;
}

/** How long RTDB may take: the page doesn't wait for it. */
const RTDB_WITHIN_MS = 2_500;

/** Reads the story of a divergence's leaf. Rejects as Postgres does; without RTDB it says so. */
export async function readStory(id: number, context: StoryContext): Promise<OpenStory> {
  const known = await context.transactions.read(async (statements) => {
    const divergence = await DIVERGENCE_REF.first(statements, { id });
    if (divergence === null) return null;
    const { ref } = divergence;
    const path = context.paths.find(({ name }) => name === divergence.path);
    const parsed = path?.parsePath(ref, new Date().toISOString());
    if (path && parsed?.ok) {
      const named = { path, leaf: parsed.leaf, ref };
      return { side: await readPostgresSide(named, statements, context.times) };
    }
    const asked = { refs: [ref], path: divergence.path };
    return { ref, divergences: await DIVERGENCES_OF_LEAF.all(statements, asked) };
  });
  if (known === null) return { kind: 'gone' };
  if (known.side === undefined) return { kind: 'log', ...known };
  // After the transaction: nothing of Postgres is held while RTDB is waited for.
  const read = await readRtdb(known.side.ref, context);
  return 'reason' in read
    ? { kind: 'postgres', side: known.side, reason: read.reason }
    : { kind: 'whole', story: tellStory(known.side, read.value, context.retentionDays) };
}

async function readRtdb(
  ref: string,
  context: StoryContext,
): Promise<{ value: unknown } | { reason: string }> {
  try {
    return { value: await within(RTDB_WITHIN_MS, context.readRtdb(ref.split('/'))) };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : 'unknown' };
  }
}
