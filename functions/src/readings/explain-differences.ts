import type { Statements } from '../postgres/statements';
import { asEvidence, escapeText } from '../values/storable';
import { seenOf } from './compare-key';
import { keyObject } from './decide-reading';
import type { FoundRow } from './read-shard';
import type { Difference, Looked } from './reading';

/** A row of the log for each difference, in their order. The causes come with their evidence. */
export async function explainDifferences(
  differences: readonly Difference[],
  { path }: Looked,
  _context: { statements: Statements },
): Promise<FoundRow[]> {
  return differences.map(({ ref, kind, compared, keys, ...rest }) => ({
    ...{ ref: escapeText(ref), kind, keys, cause: 'unknown', severity: 'error' },
    day: compared === null ? null : path.placeOf({ key: {}, parts: compared.parts }).day,
    key: compared === null ? null : keyObject(path, compared.parts.map(escapeText)),
    rtdb_value: asEvidence(compared?.rtdb ?? null),
    postgres_value: compared?.row?.isTombstone === false ? asEvidence(compared.row.payload) : null,
    detail: { seen: compared === null ? null : seenOf(compared) },
    written_after: rest.writtenAfter,
    written_before: rest.writtenBefore,
    resolved_by: rest.resolvedBy,
  }));
}
