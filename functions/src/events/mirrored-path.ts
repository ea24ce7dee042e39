import type { InputIssue, Json, JsonObject } from '../values/json';

/** The key columns of `mirror.divergence_log`; null where a path has none, or it could not be read. */
export interface LogKey {
  coupleId: string | null;
  /** `YYYY-MM-DD` */
  dateKey: string | null;
  questId: string | null;
  userId: string | null;
}

/** What a leaf holds, or held. */
export interface LeafState {
  /** RTDB's value; null = what the path stands for is not there, and the row is a tombstone. */
  payload: Json;
  /** Whether RTDB holds nothing at all (a value such as `false` may mean "not there" as well). */
  gone: boolean;
  /** What else the row shows, by column. Of a tombstone: for one that buries nothing. */
  columns: JsonObject;
}

/** A node of one day: the unit of retention. */
export interface DatedNode {
  ref: string;
  /** `YYYY-MM-DD` */
  dateKey: string;
  key: LogKey;
}

export type ParsedPath<Leaf> =
  | { ok: true; leaf: Leaf }
  | { ok: false; key: LogKey; issues: InputIssue[] };

export type ParsedState =
  | { ok: true; state: LeafState }
  | { ok: false; value: Json; issues: InputIssue[] };

/**
 * One path of RTDB that is mirrored into a table: all that the write path knows of it. Pure, and read
 * at every event: nothing here may throw. CONTRIBUTING.md tells how to add one.
 */
export interface MirroredPath<Leaf extends LogKey> {
  /** What one leaf is, in log lines: `quest completion`. */
  noun: string;
  /** The trigger's pattern, such as `lp_awards/{coupleId}/{awardId}`. */
  pattern: string;
  /**
   * Applies a batch of claims and says who won: $1 the claims as JSON, in key order; $2 how long to
   * wait for a lock, such as `500ms`. `mirror.create_apply_function` makes what it calls.
   */
  applyStatement: string;
  /**
   * @param asOf normalized instant of the write: a date in the path can't lie far ahead of it
   */
  parsePath(path: string, asOf: string): ParsedPath<Leaf>;
  /**
   * @param raw the value as a snapshot or REST shows it
   * @param eventTime normalized instant of the write; it dates what has no time of its own
   */
  parseValue(raw: unknown, eventTime: string): ParsedState;
  /** The row's columns that the path tells: the primary key's, and what is derived from them. */
  columnsOf(leaf: Leaf): JsonObject;
  /** The order of the table's primary key: every writer takes its rows in it, or two deadlock. */
  compareLeaves(a: Leaf, b: Leaf): number;
  /** The dated node that retention removes whole; left out where RTDB keeps the path for ever. */
  datedNodeOf?(leaf: Leaf): DatedNode;
}
