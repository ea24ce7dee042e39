import { completionPath } from '../../functions/src/quests/completion-path';
import type { RepairOutcome, RepairStep } from '../../functions/src/reconcile/repair';

const SAYS: Record<RepairOutcome, string> = {
  would_write: 'would be set to what RTDB holds',
  written: 'set to what RTDB holds',
  changed: 'left alone: it changed meanwhile',
  refused: 'left alone: the mirror refuses what RTDB holds',
  retained: 'left alone: its day is beyond retention',
};

const MAX_VALUE_CHARS = 60;

/** One row that differs, and what became of it. */
export function formatStep({ difference, outcome }: RepairStep): string {
  const { key, leaf, row } = difference;
  const inRtdb = leaf === null ? 'nothing' : leaf.completed === null ? leaf.value : stateOf(leaf);
  const inPostgres = row === null ? 'no row' : row.isTombstone ? 'a tombstone' : row.payload;
  return (
    `${printable(completionPath(key))}\n` +
    `  RTDB: ${shortened(inRtdb)}, Postgres: ${shortened(inPostgres)}: ${SAYS[outcome]}\n`
  );
}

/** How many of each. */
export function formatTotals(totals: ReadonlyMap<RepairOutcome, number>): string {
  if (totals.size === 0) return 'Nothing differs.\n';
  const lines = [...totals].map(([outcome, count]) => `${count} ${SAYS[outcome]}`);
  const hint = totals.has('would_write') ? 'Nothing was written: add --write to do it.\n' : '';
  return `${lines.join('\n')}\n${hint}`;
}

function stateOf(leaf: { completed: true; payload: unknown } | { completed: false }): unknown {
  return leaf.completed ? leaf.payload : 'nothing';
}

function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const short = text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text;
  return printable(short);
}

/** Without what moves a terminal's cursor or turns text around. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\u{fffd}');
}
