import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import type { Json, JsonObject } from '../../values/json';
import type { LeafReading, RowReading } from './compare-leaf';

/** The kinds of divergence that a comparison of both sides can show. */
export type MismatchKind = 'missing_in_postgres' | 'missing_in_rtdb' | 'value_mismatch';

/** One key on which both sides still differed when they were last read. */
export interface Mismatch {
  key: CompletionKey;
  kind: MismatchKind;
  /** Null where RTDB holds nothing. */
  leaf: LeafReading | null;
  /** Null where Postgres has no row. */
  row: RowReading | null;
  /** Normalized instant before which both sides were last read. */
  readAt: string;
  /** Whether a side changed between its last two readings: it may be on its way still. */
  isMoving: boolean;
}

/** What the divergence log gets to know of a mismatch: `mirror.divergence_log` (docs/tables.md). */
export interface Finding {
  key: CompletionKey;
  kind: MismatchKind | 'client_only';
  cause: Cause;
  severity: 'info' | 'warning' | 'error';
  rtdbValue: Json;
  postgresValue: Json;
  /** The evidence for the cause. */
  detail: JsonObject;
  /** The event that the row shows. */
  eventId: string | null;
  eventTime: string | null;
  readAt: string;
}

export type Cause =
  | 'race'
  | 'rejected'
  | 'flag_disabled'
  | 'before_mirroring'
  | 'fan_out_limit'
  | 'direct_postgres_write'
  | 'client_without_rtdb'
  | 'retries_exhausted'
  | 'ancestor_overwrite'
  | 'retention'
  | 'in_flight'
  | 'unknown';
