import type { LeafReading } from '../../completions-only/reconcile/compare-leaf';
import type { RepairOutcome, RepairStep } from '../../completions-only/reconcile/repair';
import { completionPath } from '../../paths/quest-completions/completion-path';
import { printable, printableValue } from '../printable';

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
  const inPostgres = row === null ? 'no row' : row.isTombstone ? 'a tombstone' : short(row.payload);
  return (
    `${printable(completionPath(key))}\n` +
    `  RTDB: ${inRtdb(leaf)}, Postgres: ${inPostgres}: ${SAYS[outcome]}\n`
  );
}

/** How many of each. */
export function formatTotals(totals: ReadonlyMap<RepairOutcome, number>): string {
  if (totals.size === 0) return 'Nothing differs.\n';
  const lines = [...totals].map(([outcome, count]) => `${count} ${SAYS[outcome]}`);
  const hint = totals.has('would_write') ? 'Nothing was written: add --write to do it.\n' : '';
  return `${lines.join('\n')}\n${hint}`;
}

function inRtdb(leaf: LeafReading | null): string {
  if (leaf === null || leaf.completed === false) return 'nothing';
  return short(leaf.completed === null ? leaf.value : leaf.payload);
}

function short(value: unknown): string {
  return printableValue(value, MAX_VALUE_CHARS);
}
