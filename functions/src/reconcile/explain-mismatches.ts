import type { Statements } from '../postgres/statements';
import type { Finding, Mismatch } from './mismatch';
export async function explainMismatches(
  mismatches: readonly Mismatch[],
  _s: Statements,
  _c: unknown,
): Promise<Finding[]> {
  return mismatches.map((m) => ({
    key: m.key,
    kind: m.kind,
    cause: 'unknown' as const,
    severity: 'warning' as const,
    rtdbValue: null,
    postgresValue: null,
    detail: {},
    eventId: null,
    eventTime: null,
    readAt: m.readAt,
  }));
}
