import {
  type Divergence,
  RECORD_DIVERGENCES,
  rowsOfDivergences,
} from '../divergences/divergence-log';
import { type Blame, blameOf, sqlstateOf } from '../postgres/sqlstate';
import type { ComparedKey } from '../readings/compare-key';
import { differenceOfWrite } from '../readings/difference-of-write';
import { type ExplainContext, explainDifferences } from '../readings/explain-differences';
import type { FoundRow } from '../readings/found-row';
import type { ProofTimes } from '../readings/proof-times';
import type { Looked } from '../readings/reading';
import { inKeyOrder, takenLeaf } from '../readings/taken-leaf';
import type { InputIssue, Json, JsonObject } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import { asEvidence, escapeText } from '../values/storable';
import { type BackfillCounts, FILL_ROWS } from './books';

/** What filling needs besides the look. */
export interface FillContext extends ExplainContext {
  times: ProofTimes;
  /** Whether the keys that no gap explains are counted, those of a first copy too. */
  countsUnexplained?: boolean;
}

/** What is missing, and what else a look showed. */
export interface Backlog {
  missing: ComparedKey[];
  refused: Refused[];
  keys: number;
  differing: number;
}

/** A leaf that the mirror refuses, or Postgres. */
interface Refused {
  ref: string;
  place: Divergence['place'];
  kind: 'invalid_payload' | 'write_rejected';
  value: Json;
  detail: JsonObject;
}

/** Rows of one statement, and characters of their payloads. */
const ROWS_AT_ONCE = 2_000;
const CHARS_AT_ONCE = 4_000_000;

/** What one row of a batch may be the reason of. */
const REFUSALS: ReadonlySet<Blame> = new Set<Blame>(['row', 'parent', 'asked']);

/** What of a look a backfill would insert, and what it leaves alone. Pure. */
export function backlogOf({ compared, odd, path }: Looked): Backlog {
  const backlog: Backlog = { missing: [], refused: [], keys: 0, differing: 0 };
  for (const { ref, raw, place, issues } of odd) {
    backlog.refused.push(invalid(ref, place, canonicalValue(raw), issues));
  }
  for (const key of compared) {
    if (key.refusals.length > 0) {
      const place = path.placeOf({ key: {}, parts: key.parts });
      backlog.refused.push(invalid(key.ref, place, key.rtdb, key.refusals));
      continue;
    }
    if (key.rtdb !== null) backlog.keys += 1;
    if (key.state === 'missing_in_postgres' && key.row === null) backlog.missing.push(key);
    else if (isDiffering(key)) backlog.differing += 1;
  }
  return backlog;
}

function isDiffering({ state }: ComparedKey): boolean {
  return !['none', 'agrees', 'retained', 'client_only'].includes(state);
}

/**
 * Inserts what RTDB holds of a shard and Postgres has no row for, and logs what no reading has seen missing, and what
 * is refused. Rejects as Postgres does.
 */
export async function fillShard(looked: Looked, context: FillContext): Promise<BackfillCounts> {
  const { missing, refused, keys, differing } = backlogOf(looked);
  let inserted = 0;
  let unexplained = 0;
  for (const batch of batchesOf(missing)) {
    const done = await insert(batch, looked, refused, context);
    inserted += done.inserted;
    unexplained += done.unexplained;
  }
  if (refused.length > 0) {
    const divergences = rowsOfDivergences(looked.path.name, refused.map(divergenceOf));
    await RECORD_DIVERGENCES.run(context.statements, { divergences, detectedBy: 'backfill' });
  }
  return { shards: 0, keys, inserted, rejected: refused.length, differing, unexplained };
}

function* batchesOf(missing: readonly ComparedKey[]): Generator<ComparedKey[]> {
  let batch: ComparedKey[] = [];
  let chars = 0;
  for (const key of missing) {
    batch.push(key);
    chars += JSON.stringify(key.rtdb).length;
    if (batch.length < ROWS_AT_ONCE && chars < CHARS_AT_ONCE) continue;
    yield batch;
    [batch, chars] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

type Inserted = Pick<BackfillCounts, 'inserted' | 'unexplained'>;

async function insert(
  keys: readonly ComparedKey[],
  looked: Looked,
  refused: Refused[],
  context: FillContext,
): Promise<Inserted> {
  const { path, state } = looked;
  const sorted = [...keys].sort(inKeyOrder);
  const judged = sorted
    .map((key) => differenceOfWrite(key, 'missing_in_postgres', 'backfill', looked, context.times))
    .filter(({ isTold }) => isTold || context.countsUnexplained);
  const differences = judged.map(({ difference }) => difference);
  const rows = await explainDifferences(differences, looked, context);
  const found = rows.filter((_, n) => judged[n]?.isTold);
  const leaves = sorted.map((key) => ({ ...takenLeaf(key, path, state.readAt) }));
  const filled = await insertBatch({ keys: sorted, leaves, found }, looked, refused, context);
  const refs = new Set(filled);
  const unexplained = rows.filter((row) => refs.has(String(row.ref)) && !isExplained(row)).length;
  return { inserted: filled.length, unexplained };
}

interface Batch {
  keys: readonly ComparedKey[];
  leaves: readonly ReturnType<typeof takenLeaf>[];
  found: readonly FoundRow[];
}

/** Of a batch that Postgres refuses, halves are tried, down to the row that is the reason. Answers the refs filled. */
async function insertBatch(
  { keys, leaves, found }: Batch,
  looked: Looked,
  refused: Refused[],
  context: FillContext,
): Promise<string[]> {
  try {
    const { inserted } = await FILL_ROWS.one(context.statements, {
      path: looked.path.name,
      shard: looked.shard,
      leaves: leaves.map((leaf) => ({ ...leaf })),
      found: [...found],
    });
    return inserted.map((n) => leaves[n]?.ref ?? '');
  } catch (error) {
    if (!REFUSALS.has(blameOf(error))) throw error;
    const [only] = keys;
    if (keys.length === 1 && only !== undefined) {
      refused.push(rejected(only, looked, sqlstateOf(error)));
      return [];
    }
    const middle = Math.ceil(keys.length / 2);
    const half = (from: number, to: number): Batch => ({
      ...{ keys: keys.slice(from, to), leaves: leaves.slice(from, to), found },
    });
    const first = await insertBatch(half(0, middle), looked, refused, context);
    const second = await insertBatch(half(middle, keys.length), looked, refused, context);
    return [...first, ...second];
  }
}

/** Whether it was lost because mirroring was not fully on, or had not begun. */
function isExplained({ cause, detail }: FoundRow): boolean {
  if (cause === 'before_mirroring') return true;
  const evidence = (detail as JsonObject | null)?.evidence as JsonObject | undefined;
  return evidence?.coverage !== undefined;
}

function invalid(
  ref: string,
  place: Refused['place'],
  value: Json,
  issues: readonly InputIssue[],
): Refused {
  const shown = issues.map(({ field, message }) => ({ field: escapeText(field), message }));
  const detail = { issues: shown, found_by: 'backfill' };
  return { ref, place, kind: 'invalid_payload', value, detail };
}

function rejected(
  { ref, parts, rtdb }: ComparedKey,
  { path }: Looked,
  sqlstate: string | null,
): Refused {
  const place = path.placeOf({ key: {}, parts });
  const detail = { sqlstate, found_by: 'backfill' };
  return { ref, place, kind: 'write_rejected', value: rtdb, detail };
}

/** Keys of RTDB may hold what Postgres' text refuses. */
function divergenceOf({ ref, place, kind, value, detail }: Refused): Divergence {
  const key =
    place.key === null
      ? null
      : Object.fromEntries(
          Object.entries(place.key).map(([name, part]) => [name, escapeText(String(part))]),
        );
  return {
    ref: escapeText(ref),
    place: { ...place, shard: place.shard === null ? null : escapeText(place.shard), key },
    ...{ kind, cause: 'rejected', severity: 'error', rtdbValue: asEvidence(value) },
    ...{ postgresValue: null, detail, eventId: null, eventTime: null },
  };
}
