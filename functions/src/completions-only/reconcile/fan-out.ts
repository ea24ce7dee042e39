import type { Statements } from '../../postgres/statements';
import { escapeText } from '../../values/storable';
import { MASS_WRITES, type MassWrite, parseMassWrites } from '../postgres/mass-writes';
import type { Judgement } from './cause';
import type { Mismatch } from './mismatch';

/**
 * Functions that one write to RTDB triggers at most in a region (2nd gen); events beyond may be lost
 * where the database does not validate triggers strictly.
 * Source: Firebase documentation, "Realtime Database Limits".
 */
export const FAN_OUT_LIMIT = 500;

/**
 * Which of the mismatches a write beyond the platform's fan-out left: of its leaves a part came, all
 * with its one instant, and what came and what is missing exceed the limit.
 */
export async function findFanOut(
  mismatches: readonly Mismatch[],
  statements: Statements,
): Promise<Map<Mismatch, Judgement>> {
  if (mismatches.length === 0) return new Map();
  const couples = [...new Set(mismatches.map(({ key }) => escapeText(key.coupleId)))];
  const dates = mismatches.map(({ key }) => key.dateKey).sort();
  const rows = await statements.run(MASS_WRITES, [couples, dates[0], dates.at(-1)]);
  return attributeFanOut(mismatches, parseMassWrites(rows));
}

/** The pure part: a couple's whole loss is one write's, where no other trace is. */
function attributeFanOut(
  mismatches: readonly Mismatch[],
  writes: readonly MassWrite[],
): Map<Mismatch, Judgement> {
  const judgements = new Map<Mismatch, Judgement>();
  for (const write of writes) {
    const couples = new Set(write.couples);
    const missing = mismatches.filter((one) => couples.has(escapeText(one.key.coupleId)));
    judge(missing, write.leaves, write.eventTime, judgements);
  }
  const byCouple = new Map<string, Mismatch[]>();
  for (const one of mismatches) {
    const group = byCouple.get(one.key.coupleId);
    if (group) group.push(one);
    else byCouple.set(one.key.coupleId, [one]);
  }
  for (const missing of byCouple.values()) judge(missing, 0, null, judgements);
  return judgements;
}

function judge(
  missing: readonly Mismatch[],
  arrived: number,
  writeTime: string | null,
  judgements: Map<Mismatch, Judgement>,
): void {
  if (arrived + missing.length <= FAN_OUT_LIMIT) return;
  const evidence = {
    write_time: writeTime,
    leaves_arrived: arrived,
    leaves_missing: missing.length,
    limit: FAN_OUT_LIMIT,
  };
  for (const one of missing) {
    if (!judgements.has(one)) judgements.set(one, { cause: 'fan_out_limit', evidence });
  }
}
