import { severityOf } from '../divergences/vocabulary';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Json, JsonObject } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import { asEvidence, escapeText, textEvidence } from '../values/storable';
import type { Judgement } from './cause';
import { type ComparedKey, seenOf } from './compare-key';
import { keyObject } from './key-parts';
import type { Difference, Looked } from './reading';

/** A difference as the log takes it: columns of `mirror.divergence_log`, its cause among them. */
export type FoundRow = { [column: string]: Json };

/** The row of a difference, with its cause. Pure. */
export function foundRow(
  difference: Difference,
  { path }: Looked,
  judged: Judgement & { bornAfter: string | null },
): FoundRow {
  const { ref, kind, compared, odd, keys, writtenAfter, writtenBefore, resolvedBy } = difference;
  const row = compared?.row ?? null;
  return {
    ref: escapeText(ref),
    kind,
    cause: judged.cause,
    severity: severityOf(kind, judged.cause),
    keys,
    day: compared === null ? (odd?.place.day ?? null) : dayOf(path, compared),
    key: compared === null ? null : storableKey(path, compared.parts),
    rtdb_value:
      odd === null ? asEvidence(compared?.rtdb ?? null) : asEvidence(canonicalValue(odd.raw)),
    postgres_value: row === null || row.isTombstone ? null : asEvidence(row.payload),
    detail: { ...detailOf(difference), ...detailOfJudgement(judged) },
    event_id: row?.eventId ?? null,
    event_time: row?.eventTime ?? null,
    written_after: writtenAfter,
    written_before: writtenBefore,
    resolved_by: resolvedBy,
  };
}

/** More fields of a value, or columns, tell nobody more. */
const MAX_ISSUES = 20;
const MAX_TEXT_BYTES = 1_000;

function detailOf({ compared, odd }: Difference): JsonObject {
  const issues = (odd?.issues ?? compared?.refusals ?? []).slice(0, MAX_ISSUES);
  const columns = Object.keys(compared?.columns ?? {}).slice(0, MAX_ISSUES);
  return {
    ...(compared === null ? {} : { seen: seenOf(compared) }),
    ...(compared?.row == null
      ? {}
      : { row_origin: compared.row.origin, row_is_tombstone: compared.row.isTombstone }),
    ...(issues.length === 0
      ? {}
      : {
          issues: issues.map(({ field, message }) => ({
            field: textEvidence(field, MAX_TEXT_BYTES),
            message: textEvidence(message, MAX_TEXT_BYTES),
          })),
        }),
    ...(columns.length === 0 ? {} : { columns: shownColumns(columns, compared) }),
  };
}

/** What the columns should show, and what they do. */
function shownColumns(names: readonly string[], compared: ComparedKey | null): Json {
  return asEvidence(
    Object.fromEntries(
      names.map((name) => [
        name,
        {
          expected: compared?.columns[name] ?? null,
          shown: compared?.row?.columns[name] ?? null,
        },
      ]),
    ),
  );
}

export function detailOfJudgement({
  evidence,
  possible,
  bornAfter = null,
}: Omit<Judgement, 'cause'> & { bornAfter?: string | null }): JsonObject {
  return {
    evidence,
    ...(possible.length === 0 ? {} : { possible }),
    ...(bornAfter === null ? {} : { born_after: bornAfter }),
  };
}

export function dayOf(path: MirroredPath, { parts }: ComparedKey): string | null {
  return path.dayColumn === null ? null : (parts[path.keyColumns.indexOf(path.dayColumn)] ?? null);
}

export function storableKey(path: MirroredPath, parts: readonly string[]): JsonObject {
  return keyObject(path, parts.map(escapeText));
}
