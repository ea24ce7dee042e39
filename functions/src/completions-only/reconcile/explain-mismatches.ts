import { CAUSES } from '../../divergences/vocabulary';
import { completionPath, dayPath } from '../../paths/quest-completions/completion-path';
import type { Statements } from '../../postgres/statements';
import { asEvidence, escapeText } from '../../values/storable';
import {
  DAY_EVIDENCE,
  evidenceParameter,
  LEAF_EVIDENCE,
  type LeafEvidence,
  parseDayEvidence,
  parseLeafEvidence,
} from '../postgres/divergence-evidence';
import { MIRRORING_TIMES, parseMirroringTimes } from '../postgres/mirroring-times';
import { type Circumstances, causeOf, causeOfLost, type Judgement, rtdbValueOf } from './cause';
import { findFanOut } from './fan-out';
import type { Finding, Mismatch } from './mismatch';

/** What a judgement is made by, besides the stores. */
export interface ExplainOptions {
  now: Date;
  retentionDays: number;
  /** For how long the platform delivers an event again. Default: 24 hours. */
  retryWindowMs?: number;
}

/**
 * How long Eventarc delivers a failing event again.
 * Source: Firebase documentation, "Retry asynchronous functions".
 */
export const RETRY_WINDOW_MS = 24 * 3_600_000;

/** Mismatches whose evidence is read with one statement. */
const AT_ONCE = 500;

interface Case {
  mismatch: Mismatch;
  known: Circumstances;
  judgement: Judgement | null;
}

/** Tells of each mismatch why it is there, from what both stores and the log show. */
export async function explainMismatches(
  mismatches: readonly Mismatch[],
  statements: Statements,
  { now, retentionDays, retryWindowMs = RETRY_WINDOW_MS }: ExplainOptions,
): Promise<Finding[]> {
  if (mismatches.length === 0) return [];
  const times = parseMirroringTimes(await statements.run(MIRRORING_TIMES, []));
  const cases: Case[] = [];
  for (let start = 0; start < mismatches.length; start += AT_ONCE) {
    const batch = mismatches.slice(start, start + AT_ONCE);
    for (const { mismatch, ...evidence } of await evidenceFor(batch, statements)) {
      const known: Circumstances = { ...evidence, times, now, retentionDays, retryWindowMs };
      cases.push({ mismatch, known, judgement: causeOf(mismatch, known) });
    }
  }
  const unexplained = cases.filter(({ judgement }) => judgement === null);
  const fanOut = await findFanOut(
    unexplained.map(({ mismatch }) => mismatch),
    statements,
  );
  return cases.map(({ mismatch, known, judgement }) =>
    findingOf(
      mismatch,
      known.leaf,
      judgement ?? fanOut.get(mismatch) ?? causeOfLost(mismatch, known),
    ),
  );
}

async function evidenceFor(batch: readonly Mismatch[], statements: Statements) {
  const keys = batch.map(({ key }) => ({
    coupleId: escapeText(key.coupleId),
    dateKey: key.dateKey,
    questId: escapeText(key.questId),
    userId: escapeText(key.userId),
    ref: escapeText(completionPath(key)),
  }));
  const days = [...new Map(keys.map((key) => [dayPath(key), key])).values()];
  const [leaves, dayRows] = await Promise.all([
    statements.run(LEAF_EVIDENCE, [evidenceParameter(keys)]),
    statements.run(DAY_EVIDENCE, [
      days.map(({ coupleId }) => coupleId),
      days.map(({ dateKey }) => dateKey),
    ]),
  ]);
  const byLeaf = parseLeafEvidence(leaves);
  const byDay = parseDayEvidence(dayRows);
  return batch.map((mismatch, n) => {
    const leaf = byLeaf[n];
    const key = keys[n];
    if (leaf === undefined || key === undefined) throw new Error('a leaf has no evidence row');
    return { mismatch, leaf, day: byDay.get(dayPath(key)) ?? null };
  });
}

function findingOf(
  mismatch: Mismatch,
  leaf: LeafEvidence,
  { cause, evidence }: Judgement,
): Finding {
  const { key, kind, row, readAt } = mismatch;
  return {
    key,
    kind: cause === 'client_without_rtdb' ? 'client_only' : kind,
    cause,
    severity: CAUSES[cause].severity,
    rtdbValue: rtdbValueOf(mismatch),
    postgresValue: row === null || row.isTombstone ? null : asEvidence(row.payload),
    detail: {
      evidence,
      row_origin: leaf.row?.origin ?? null,
      row_is_tombstone: row?.isTombstone ?? false,
      read_at: readAt,
    },
    eventId: leaf.row?.eventId ?? null,
    eventTime: leaf.row?.eventTime ?? null,
    readAt,
  };
}
