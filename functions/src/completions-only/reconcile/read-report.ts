import { CANARY_ROW, canaryRowOf } from '../../canary/canaries';
import { CANARY_COUPLE } from '../../paths/quest-completions/canary-couple';
import { questCompletions } from '../../paths/quest-completions/quest-completions';
import type { Statements } from '../../postgres/statements';
import { LAG_OF_WINDOW, type Lag, parseLag } from '../postgres/mirror-lag';
import {
  OPEN_DIVERGENCES,
  type OpenDivergences,
  parseOpenDivergences,
} from '../postgres/open-divergences';
import {
  CLIENT_ROWS_OF_RUNS,
  parseClientRows,
  parseWitnesses,
  WITNESSES_OF_WINDOW,
  type Witnesses,
} from '../postgres/witnesses';
import type { Rate } from './rate';
import { type GateQuestion, type GateReading, readGate } from './read-gate';

/** What two independent witnesses say, and what the mirror would have scored on its own. */
export interface WitnessReport extends Witnesses {
  mirrorAlone: Rate;
}

/** The gate's answer and what stands around it. */
export interface MirrorReport {
  gate: GateReading;
  lag: Lag | null;
  divergences: OpenDivergences[];
  /** How long ago Postgres took the last canary; null where none has arrived. */
  canaryAgeMs: number | null;
  /** Null unless asked for. */
  witnesses: WitnessReport | null;
}

/** Reads all of a report. Rejects as `statements` do. */
export async function readReport(
  statements: Statements,
  question: GateQuestion,
  withWitnesses: boolean,
): Promise<MirrorReport> {
  const gate = await readGate(statements, question);
  const { fromAt, toAt } = gate.window;
  const [lag, divergences, canary] = await Promise.all([
    statements.run(LAG_OF_WINDOW, [fromAt, toAt, CANARY_COUPLE]),
    statements.run(OPEN_DIVERGENCES, [toAt, 'quest_completions']),
    CANARY_ROW.first(statements, canaryRowOf(questCompletions)),
  ]);
  return {
    gate,
    lag: parseLag(lag),
    divergences: parseOpenDivergences(divergences),
    canaryAgeMs: canary?.ageMs ?? null,
    witnesses: withWitnesses ? await readWitnesses(statements, gate) : null,
  };
}

async function readWitnesses(
  statements: Statements,
  { window, raw, counted }: GateReading,
): Promise<WitnessReport> {
  const [witnesses, clientRows] = await Promise.all([
    statements.run(WITNESSES_OF_WINDOW, [window.fromAt, window.toAt, CANARY_COUPLE]),
    statements.run(CLIENT_ROWS_OF_RUNS, [counted.map(({ id }) => id), CANARY_COUPLE]),
  ]);
  const { agreed, notInRtdb } = parseClientRows(clientRows);
  // Rows may have changed since the run counted them: no figure is driven below zero.
  const matched = Math.max(0, raw.matched - agreed);
  const compared = Math.max(matched, raw.compared - notInRtdb);
  return { ...parseWitnesses(witnesses), mirrorAlone: { matched, compared } };
}
