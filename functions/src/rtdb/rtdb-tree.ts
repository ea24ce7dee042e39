import type { CompletionKey } from '../quests/completion-path';

/** Reads RTDB's quests for a comparison, with what it cost. */
export interface RtdbTree {
  /** Ids of all couples that have any day, in UTF-8 byte order; without the canary's. */
  listCouples(): Promise<string[]>;
  /** A couple's days from `fromDate` to `toDate` (both included): day -> node; null for none. */
  readDays(coupleId: string, fromDate: string, toDate: string): Promise<unknown>;
  /** One leaf's value; null where there is none. */
  readLeaf(key: CompletionKey): Promise<unknown>;
  /** What was read so far: bytes of the bodies, requests that were answered. */
  readonly usage: { bytes: number; requests: number };
}
