import type { Kind } from '../divergences/vocabulary';
import type { Json } from '../values/json';
import type { ComparedKey } from './compare-key';
import type { Gap } from './gap-span';
import type { ProofTimes } from './proof-times';

/** The last write of a key that went past the mirror. */
export interface PastWrite {
  operation: string;
  writtenBy: string;
  at: string;
  isChange: boolean;
  newPayload: Json;
}

/** What the trigger logged of this very key, and nobody has resolved. */
export interface LoggedRow {
  id: number;
  kind: string;
  isTie: boolean;
  rtdbValue: Json;
  eventTime: string | null;
  /** The event that the row showed when this one lost against it. */
  rowEventId: string | null;
  lastSeenAt: string;
}

export interface KeyEvidence {
  direct: PastWrite | null;
  logged: readonly LoggedRow[];
}

/** What is known of a dated node. */
export interface DayEvidence {
  /** Writes above its leaves, after which nothing was left there, and those that erased the leaf named. */
  overwrites: readonly { at: string; ref: string; isEmptied: boolean }[];
  /** A removal that retention left out: when, and how many days old a day could be. */
  retained: { at: string; retentionDays: number } | null;
}

/** What is known of the shard, and of the path. */
export interface ShardEvidence {
  beganAt: string;
  /** Whether RTDB can have held it before mirroring of the path began. */
  isOlderPossible: boolean;
  /** A listing that didn't show the shard yet; null = nothing tells. */
  bornAfter: string | null;
  gaps: readonly Gap[];
  /** The last TRUNCATE of the table. */
  truncated: { at: string; writtenBy: string } | null;
}

/** All that is known of one difference. */
export interface Circumstances {
  kind: Kind;
  ref: string;
  /** Null: it stands for several, of which nothing else is known. */
  compared: ComparedKey | null;
  writtenAfter: string | null;
  writtenBefore: string;
  /** It agrees by now: what the row shows is no matter of the difference. */
  isOver: boolean;
  /** `YYYY-MM-DD` */
  day: string | null;
  /** The latest past time that RTDB's value itself holds. It can take an excuse away, never give one. */
  ownTime: string | null;
  readAt: string;
  shard: ShardEvidence;
  key: KeyEvidence;
  dayEvidence: DayEvidence;
  times: CauseTimes;
}

/** The durations that causes are told by. */
export type CauseTimes = Pick<
  ProofTimes,
  'redeliveryMs' | 'flagEdgeMs' | 'clockPrecisionMs' | 'graceMs'
>;
