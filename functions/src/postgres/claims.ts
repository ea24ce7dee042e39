import { z } from 'zod';
import type { LogKey, MirroredPath } from '../events/mirrored-path';
import type { Json, JsonObject } from '../values/json';
import { jsonColumn } from './statements';

/**
 * A claim about the state of one row at one version, `(eventTime, eventId)`.
 * It wins, loses or ties against the row in the path's apply function, and nowhere else.
 */
export interface Claim<Leaf extends LogKey> {
  leaf: Leaf;
  ref: string;
  eventId: string;
  eventTime: string;
  /** RTDB's value; null leaves a tombstone. */
  payload: Json;
  /** What else the row shows, by column. */
  columns: JsonObject;
  /** The value before the write, to find out whether an event is missing; `unknown` = don't ask. */
  before: { known: true; payload: Json } | { known: false };
  /** The payload was read from RTDB after a tie: it settles the tie. */
  settlesTie: boolean;
  /** Who wrote, and where: kept with a divergence. */
  detail: JsonObject;
}

const RESULT = z.object({
  n: z.number(),
  verdict: z.enum([
    'applied',
    'duplicate',
    'stale',
    'tied',
    'contended',
    'dropped',
    'retained',
    'foreign',
  ]),
  lag_ms: z.number(),
  missed_event: z.boolean(),
  row_event_id: z.string().nullable(),
  row_payload: jsonColumn,
  behind_ms: z.number().nullable(),
  before_hash: z.string().nullable(),
  payload_hash: z.string().nullable(),
});

export interface ClaimVerdict {
  /**
   * `contended`: nothing was inserted; another writer may have done so meanwhile: ask again. `dropped`:
   * nothing was updated, though the row was there: a trigger left the write out.
   */
  verdict: z.infer<typeof RESULT>['verdict'];
  /** From the write in RTDB until now. */
  lagMs: number;
  /** How many claims the statement carried. */
  batch: number;
  missedEvent: boolean;
  /** The event that the row showed before; null where there was no row, or no event made it. */
  rowEventId: string | null;
  /** The state that a stale claim lost against (as evidence), and by how much. */
  newer: { payload: Json; behindMs: number } | null;
  /** Hashes of the states that a claim leads from and to, where it did not win; null = not there. */
  states: { before: string | null; after: string | null };
}

/** What an apply function gets: the batch as JSON. `n` is the claim's place in `claims`. */
export function claimsParameter<Leaf extends LogKey>(
  claims: readonly Claim<Leaf>[],
  { columnsOf }: Pick<MirroredPath<Leaf>, 'columnsOf'>,
): string {
  return JSON.stringify(
    claims.map((claim, n) => ({
      n,
      ref: claim.ref,
      ...columnsOf(claim.leaf),
      ...claim.columns,
      payload: claim.payload,
      event_id: claim.eventId,
      event_time: claim.eventTime,
      before_known: claim.before.known,
      before_payload: claim.before.known ? claim.before.payload : null,
      settles_tie: claim.settlesTie,
      detail: claim.detail,
    })),
  );
}

/** The verdicts, in the order of the claims. Throws where the answer is not one for each claim. */
export function parseVerdicts(rows: unknown[], count: number): ClaimVerdict[] {
  const verdicts: ClaimVerdict[] = [];
  for (const row of rows) {
    const result = RESULT.parse(row);
    verdicts[result.n] = {
      verdict: result.verdict,
      lagMs: Math.round(result.lag_ms),
      batch: count,
      missedEvent: result.missed_event,
      rowEventId: result.row_event_id,
      newer:
        result.behind_ms === null
          ? null
          : { payload: result.row_payload, behindMs: Math.round(result.behind_ms) },
      states: { before: result.before_hash, after: result.payload_hash },
    };
  }
  // An answer to some other batch must never acknowledge this one.
  if (
    rows.length !== count ||
    Object.keys(verdicts).length !== count ||
    verdicts.length !== count
  ) {
    throw new Error(`expected ${count} verdicts from Postgres, got ${rows.length}`);
  }
  return verdicts;
}
