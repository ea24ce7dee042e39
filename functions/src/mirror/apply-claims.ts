import { z } from 'zod';
import type { MirroredPath } from '../paths/mirrored-path';
import { jsonColumn, query, type RowOf } from '../postgres/statements';
import type { RtdbIdentity } from '../rtdb/rtdb-identity';
import type { Json, JsonObject } from '../values/json';
import type { Before, Claim } from './claim';

const VERDICT = z.enum([
  'applied',
  'duplicate',
  'stale',
  'tied',
  'retained',
  'foreign',
  'erased',
  'contended',
  'dropped',
]);

export interface ClaimVerdict {
  /**
   * `retained`: a removal beyond retention, so that the row stays. `foreign`: it comes from another RTDB
   * than this database mirrors. `erased`: its key holds the id of somebody who was erased. `contended`:
   * nothing was inserted; another writer may have done so meanwhile: ask again. `dropped`: nothing was
   * updated, though the row was there: a trigger left the write out.
   */
  verdict: z.infer<typeof VERDICT>;
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

/** A path's apply function, as `mirror.declare_path` makes it. */
function applyQuery({ applyStatement }: MirroredPath) {
  return query({
    text: applyStatement,
    params: {
      claims: 'jsonb',
      /** How long it waits for rows that someone else has locked, such as `500ms`. */
      lockWait: 'text',
      /** The columns that the claims bring, with their types. */
      told: 'jsonb',
    },
    row: {
      /** The claim's place in the batch. */
      n: z.number(),
      verdict: VERDICT,
      lagMs: z.number(),
      missedEvent: z.boolean(),
      rowEventId: z.string().nullable(),
      rowPayload: jsonColumn,
      behindMs: z.number().nullable(),
      beforeHash: z.string().nullable(),
      payloadHash: z.string().nullable(),
    },
  });
}

type ApplyQuery = ReturnType<typeof applyQuery>;

/** By path: a store that is opened again makes no other. */
const APPLY_QUERIES = new WeakMap<MirroredPath, ApplyQuery>();

/** The statement that applies claims of a path. */
export function applyQueryOf(mirrored: MirroredPath): ApplyQuery {
  const known = APPLY_QUERIES.get(mirrored);
  if (known !== undefined) return known;
  const made = applyQuery(mirrored);
  APPLY_QUERIES.set(mirrored, made);
  return made;
}

/**
 * What an apply function gets of each claim. The row's columns have `_` before their names.
 *
 * @param isKnown whether a source is known to be the RTDB that this database mirrors: Postgres is asked
 *   about any other
 */
export function rowsOfClaims(
  claims: readonly Claim[],
  { keyColumns, columns }: Pick<MirroredPath, 'keyColumns' | 'columns'>,
  isKnown: (source: RtdbIdentity) => boolean,
): JsonObject[] {
  const keyFields = keyColumns.map((column) => `_${column}`);
  // Made once: a name that is put together costs a look-up at every use.
  const fields = Object.keys(columns).map((column) => [column, `_${column}`] as const);
  return claims.map((claim, n) => {
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
  });
}

function addBefore(row: JsonObject, before: Before): void {
  row.before_known = before.known;
  if (!before.known) return;
  if ('hash' in before) row.before_hash = before.hash;
  else row.before_payload = before.payload;
}

/** The verdicts, in the order of the claims. Throws where the answer is not one for each claim. */
export function verdictsOf(answers: readonly RowOf<ApplyQuery>[], count: number): ClaimVerdict[] {
  const verdicts: ClaimVerdict[] = [];
  for (const answer of answers) {
    const { verdict, missedEvent, rowEventId, rowPayload, behindMs } = answer;
    verdicts[answer.n] = {
      verdict,
      lagMs: Math.round(answer.lagMs),
      batch: count,
      missedEvent,
      rowEventId,
      newer: behindMs === null ? null : { payload: rowPayload, behindMs: Math.round(behindMs) },
      states: { before: answer.beforeHash, after: answer.payloadHash },
    };
  }
  // An answer to some other batch must never acknowledge this one.
  if (
    answers.length !== count ||
    Object.keys(verdicts).length !== count ||
    verdicts.length !== count
  ) {
    throw new Error(`expected ${count} verdicts from Postgres, got ${answers.length}`);
  }
  return verdicts;
}

/** What the claims bring, by column: with other types a table would refuse each row, or read it wrongly. */
export function columnTypes({
  keyColumns,
  dayColumn,
  columns,
}: MirroredPath): Record<string, string> {
  const keys = keyColumns.map((column) => [column, column === dayColumn ? 'date' : 'text']);
  return { ...Object.fromEntries(keys), ...columns };
}
