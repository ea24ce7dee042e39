import type { ColumnsSummary } from '../../repair/recompute-columns';
import type { RepairSummary } from '../../repair/repair';
import type { RepairOutcome, RepairStep } from '../../repair/repair-shard';
import { printable, printableValue } from '../printable';

const SAYS: Record<RepairOutcome, string> = {
  would_write: 'would be set to what RTDB holds',
  would_bury: 'would be buried: RTDB holds nothing',
  written: 'set to what RTDB holds',
  buried: 'buried: RTDB holds nothing',
  changed: 'left alone: it changed meanwhile',
  refused: 'left alone: the mirror refuses what RTDB holds',
  retained: 'left alone: its day is beyond retention',
  claimed: 'left alone: an old phone claims it',
  not_buried: 'left alone: too many to bury',
};

const MAX_VALUE_CHARS = 60;
const MAX_NAMED = 20;

/** One row that differs, and what became of it. */
export function formatStep({ key, outcome }: RepairStep): string {
  const { ref, rtdb, row, state, columns } = key;
  const inPostgres = row === null ? 'no row' : row.isTombstone ? 'a tombstone' : short(row.payload);
  const inRtdb = rtdb === null ? 'nothing' : short(rtdb);
  const names = Object.keys(columns).join(', ');
  const stores =
    state === 'column_mismatch'
      ? `columns that don't follow from the value: ${names}`
      : `RTDB: ${inRtdb}, Postgres: ${inPostgres}`;
  return `${printable(ref)}\n  ${printable(stores)}: ${SAYS[outcome]}\n`;
}

/** How many of each, and what is to be done. */
export function formatTotals(
  totals: ReadonlyMap<RepairOutcome, number>,
  { live, toBury, mayBury, failed }: RepairSummary,
  isWrite: boolean,
): string {
  const lines = [...totals].map(([outcome, count]) => `${count} ${SAYS[outcome]}`);
  if (totals.size === 0 && failed.length === 0) lines.push('Nothing differs.');
  if (toBury > mayBury) {
    lines.push(
      `RTDB holds nothing for ${toBury} of ${live} live rows: more than repair buries by itself. ` +
        `If RTDB is right, add --bury ${toBury}.`,
    );
  }
  if (!isWrite && (totals.has('would_write') || totals.has('would_bury'))) {
    lines.push('Nothing was written: add --write to do it.');
  }
  if (totals.has('written') || totals.has('buried')) {
    lines.push(
      'A reading of these shards is due: the report counts them once it was made (mirror reconcile).',
    );
  }
  for (const { shard, error } of failed.slice(0, MAX_NAMED)) {
    lines.push(printable(`Not looked at: ${shard}: ${error}`));
  }
  return `${lines.join('\n')}\n`;
}

/** What `--columns` did of one path. */
export function formatColumns(path: string, summary: ColumnsSummary, isWrite: boolean): string {
  const { rows, differing, written, failed, isDone } = summary;
  const lines = [
    `${path}: of ${rows} rows, ${differing} show columns that don't follow from their payload.`,
  ];
  if (isWrite) lines.push(`${written} of them were set.${isDone ? '' : ' Not all: do it again.'}`);
  else if (differing > 0) lines.push('Nothing was written: add --write to do it.');
  for (const { shard, error } of failed.slice(0, MAX_NAMED)) {
    lines.push(printable(`Not done: ${shard}: ${error}`));
  }
  return `${lines.join('\n')}\n`;
}

function short(value: unknown): string {
  return printableValue(value, MAX_VALUE_CHARS);
}
