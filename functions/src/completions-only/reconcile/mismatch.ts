import type { Cause, Kind, Severity } from '../../divergences/vocabulary';
import type { CompletionKey } from '../../paths/quest-completions/completion-path';
import type { Json, JsonObject } from '../../values/json';
import type { LeafReading, MismatchKind, RowReading } from './compare-leaf';

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
  kind: MismatchKind | Extract<Kind, 'client_only'>;
  cause: Cause;
  severity: Severity;
  rtdbValue: Json;
  postgresValue: Json;
  /** The evidence for the cause. */
  detail: JsonObject;
  /** The event that the row shows. */
  eventId: string | null;
  eventTime: string | null;
  readAt: string;
}
