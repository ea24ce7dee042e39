import type { MirroredPath } from '../paths/mirrored-path';
import type { ComparedKey, DifferenceKind } from './compare-key';
import type { OddPlace } from './leaves-of-node';
import type { ShardState, Suspect } from './shard-state';

/**
 * `full`: every value, and odd places. `whole`: the days, or keys, that may have changed since the last whole
 * reading. `touched`: those that a row touched. `suspects`: those that differed at the last look.
 */
export type ReadingKind = 'full' | 'whole' | 'touched' | 'suspects';

/** What a reading saw. */
export interface Looked {
  kind: ReadingKind;
  path: MirroredPath;
  shard: string;
  state: ShardState;
  /** The first day; null of a path without one. */
  readFrom: string | null;
  /** Whether RTDB holds anything of the shard, of this path or of another. */
  hasNode: boolean;
  /** Every key that it looked at and that either store holds. */
  compared: readonly ComparedKey[];
  odd: readonly OddPlace[];
  /** Whether it looked at a key, so that one which isn't in `compared` is in neither store. */
  covers(parts: readonly string[], kind: string): boolean;
}

/** A difference that is to be opened: it has no cause yet. */
export interface Difference {
  ref: string;
  kind: DifferenceKind | 'invalid_payload';
  /** Null: it stands for `keys` keys of the shard. */
  compared: ComparedKey | null;
  odd: OddPlace | null;
  keys: number;
  /** When it agreed last, and when it was first seen to differ: the write that is missing lies between. */
  writtenAfter: string | null;
  writtenBefore: string;
  /** Of one that agrees by now. */
  resolvedBy: ResolvedBy | null;
}

export type ResolvedBy =
  | 'event'
  | 'superseded'
  | 'gone'
  | 'repair'
  | 'backfill'
  | 'client'
  | 'direct';

/** What a reading changes. */
export interface Decision {
  opened: Difference[];
  renewed: { id: number; keys: number | null }[];
  resolved: { id: number; by: ResolvedBy }[];
  suspects: Suspect[];
  brought: number;
  inFlight: number;
  countedSince: string | null;
  caughtUpAt: string | null;
  dueAt: string;
  /** When it is due for a row that moved meanwhile. */
  touchedAgainAt: string;
  isFullDue: boolean;
  isGone: boolean;
}
