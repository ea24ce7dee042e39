import { z } from 'zod';
import type { Leaf, MirroredPath } from '../paths/mirrored-path';
import { jsonColumn } from '../postgres/statements';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
import type { Json, JsonObject } from '../values/json';

/** The value before a write: to find out whether an event is missing. */
export type Before =
  | { known: false }
  | { known: true; payload: Json }
  /** Of one that is too large to send; `mirror.value_hash` makes the same. */
  | { known: true; hash: string };

/**
 * A claim about the state of one row at one version, `(eventTime, eventId)`.
 * It wins, loses or ties against the row in the path's apply function, and nowhere else.
 */
export interface Claim {
  leaf: Leaf;
  ref: string;
  eventId: string;
  eventTime: string;
  /** RTDB's value; null leaves a tombstone. */
  payload: Json;
  /** What else the row shows, by column. */
  columns: JsonObject;
  before: Before;
  /** The payload was read from RTDB after a tie: it settles the tie. */
  settlesTie: boolean;
  /** Of a removal beyond retention: a row that no event wrote since then stays. */
  retainedBefore: string | null;
  /** Null where the event doesn't say. */
  source: RtdbIdentity | null;
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
    'retained',
    'foreign',
    'contended',
    'dropped',
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
   * `retained`: a removal beyond retention, so that the row stays. `foreign`: it comes from another RTDB
   * than this database mirrors. `contended`: nothing was inserted; another writer may have done so
   * meanwhile: ask again. `dropped`: nothing was updated, though the row was there: a trigger left the
   * write out.
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

/**
 * What an apply function gets: the batch as JSON. `n` is the claim's place in `claims`; the row's columns
 * have `_` before their names.
 *
 * @param isKnown whether a source is known to be the RTDB that this database mirrors: Postgres is asked
 *   about any other
 */
export function claimsParameter(
  claims: readonly Claim[],
  { keyColumns, columns }: Pick<MirroredPath, 'keyColumns' | 'columns'>,
  isKnown: (source: RtdbIdentity) => boolean,
): string {
  const keyFields = keyColumns.map((column) => `_${column}`);
  // Made once: a name that is put together costs a look-up at every use.
  const fields = Object.keys(columns).map((column) => [column, `_${column}`] as const);
  return JSON.stringify(
    claims.map((claim, n) => {
      const row: JsonObject = { n, ref: claim.ref };
      keyFields.forEach((field, place) => {
        row[field] = claim.leaf.parts[place] ?? null;
      });
      for (const [column, field] of fields) row[field] = claim.columns[column] ?? null;
      row.payload = claim.payload;
      row.event_id = claim.eventId;
      row.event_time = claim.eventTime;
      row.settles_tie = claim.settlesTie;
      row.detail = claim.detail;
      addBefore(row, claim.before);
      if (claim.retainedBefore !== null) row.retained_before = claim.retainedBefore;
      const { source } = claim;
      if (source !== null && !isKnown(source)) Object.assign(row, source);
      return row;
    }),
  );
}

function addBefore(row: JsonObject, before: Before): void {
  row.before_known = before.known;
  if (!before.known) return;
  if ('hash' in before) row.before_hash = before.hash;
  else row.before_payload = before.payload;
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
