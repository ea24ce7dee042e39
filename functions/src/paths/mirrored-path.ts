import type { InputIssue, Json, JsonObject } from '../values/json';
import type { ColumnType } from './columns';

/** One leaf or document of a mirrored path, which is one row of its table. */
export interface Leaf {
  /** The path's parts by name, as its ref spells them: `coupleId`. */
  key: Readonly<Record<string, string>>;
  /** The same in their order, which is that of the primary key; the first is the shard. */
  parts: readonly string[];
}

/** Where a row of the divergence log belongs. */
export interface LogPlace {
  /** The first part of the key; null = the event's ref names none. */
  shard: string | null;
  /** `YYYY-MM-DD`; null = the path has no day, or that is no date. */
  day: string | null;
  /** By key column; null = the row is about no single leaf. */
  key: JsonObject | null;
}

/** What a leaf holds, or held. */
export interface LeafState {
  /** RTDB's value; null = what the path stands for is not there, and the row is a tombstone. */
  payload: Json;
  /** Whether RTDB holds nothing at all (a value such as `false` may mean "not there" as well). */
  gone: boolean;
  /** What else the row shows, by column. Of a tombstone: for one that buries nothing. */
  columns: JsonObject;
  /** Columns whose type can't hold what the value has for them; they are null. */
  drifted: readonly string[];
}

/** A node of one day: the unit of retention. */
export interface DatedNode {
  ref: string;
  /** `YYYY-MM-DD` */
  day: string;
  place: LogPlace;
}

export type ParsedPath =
  | { ok: true; leaf: Leaf }
  | { ok: false; place: LogPlace; issues: InputIssue[] };

export type ParsedState =
  | { ok: true; state: LeafState }
  | { ok: false; value: Json; issues: InputIssue[] };

/** Something about a leaf that is mirrored all the same, and that people should know. */
export interface Remark {
  kind: 'foreign_user';
  cause: 'unknown';
  severity: 'info';
}

/**
 * `quest_day`: a user of this app rewrites a whole day of quests, and erases the completions in it, which
 * looks like deletions (mirror/day-overwrite.ts).
 */
export type ErasureRule = 'quest_day';

/**
 * One path of RTDB that is mirrored into a table: all that the write path knows of it, made by
 * `definePath`. Pure, and read at every event: nothing here may throw.
 */
export interface MirroredPath {
  /** Its table in schema `rtdb`, its label, and what `--path` takes. */
  readonly name: string;
  /** The exported function that mirrors it. */
  readonly trigger: string;
  /** The trigger's pattern, such as `lp_awards/{coupleId}/{awardId}`. */
  readonly ref: string;
  /** The columns of the primary key, in order. */
  readonly keyColumns: readonly string[];
  /** The key column that is a date; null = none is. */
  readonly dayColumn: string | null;
  /** What else the row shows, with the SQL types that hold it. */
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Who sees a row: columns that hold a user's id, or `couple`; nobody where it is empty. */
  readonly visibleTo: readonly string[];
  /** Siblings of the path's literals that nobody mirrors, on purpose. */
  readonly ignored: readonly string[];
  /**
   * Applies a batch of claims and says who won: $1 the claims as JSON, in key order; $2 how long to
   * wait for a lock, such as `500ms`; $3 the columns that the claims bring, with their types, as JSON.
   */
  readonly applyStatement: string;
  /** What the canary writes, from milliseconds since 1970. */
  canary(ms: number): Json;
  /**
   * @param asOf normalized instant of the write: a date in the path can't lie far ahead of it
   */
  parsePath(path: string, asOf: string): ParsedPath;
  /**
   * @param raw the value as a snapshot or REST shows it
   * @param eventTime normalized instant of the write; it dates what has no time of its own
   * @param isShown false = nobody looks at the columns: there are none
   */
  parseValue(raw: unknown, leaf: Leaf | null, eventTime: string, isShown?: boolean): ParsedState;
  /** The leaf's place in the divergence log. */
  placeOf(leaf: Leaf): LogPlace;
  /** The dated node that retention removes whole; null where the path has no day. */
  datedNodeOf(leaf: Leaf): DatedNode | null;
  remarkOf(leaf: Leaf): Remark | null;
  /** How the mirror looks into removals that nobody may have meant; null = not at all. */
  readonly erasureRule: ErasureRule | null;
}
