import { millisOf } from '../../values/event-time';
import type { GateAnswer, GateReason, GateSettings } from './gate';
import { formatRate } from './rate';

const OPENING = { ready: 'Ready', not_ready: 'Not ready', cannot_tell: "Can't tell" };

/** The gate's answer in one line; the same for the command line and the dashboard. */
export function gateSentence(
  { verdict, reasons, raw }: Pick<GateAnswer, 'verdict' | 'reasons' | 'raw'>,
  { window, threshold }: GateSettings,
): string {
  const rate = formatRate(raw);
  const asked = `${formatPercent(threshold.text)} asked for`;
  const measured = `${rate} consistent (${raw.matched} of ${raw.compared} keys), ${asked}`;
  const span = `in the ${lengthOf(window)} to ${minuteOf(window.toAt)}`;
  const parts = reasons.map(wordsOf);
  if (verdict === 'cannot_tell') return `${OPENING[verdict]} ${span}: ${parts.join('; ')}.`;
  return `${OPENING[verdict]} ${span}: ${[measured, ...parts].join('; ')}.`;
}

function wordsOf(reason: GateReason): string {
  switch (reason.code) {
    case 'no_run':
      return 'no reconcile run of all couples has finished for these days';
    case 'dates_not_covered':
      return `runs cover ${reason.covered.join(', ')} only, not ${reason.missing.join(', ')}`;
    case 'run_too_old':
      return (
        `the newest run of ${reason.date} read part of it at ${minuteOf(reason.readSince)}, ` +
        'more than 2 h before the end of what it must have seen'
      );
    case 'run_too_wide':
      return (
        `run ${reason.runId} counted all of ${reason.fromDate} to ${reason.toDate} together, ` +
        'and what it found may be of other days'
      );
    case 'nothing_compared':
      return 'the runs found nothing to compare';
    case 'too_few_keys':
      return `only ${reason.compared} keys were compared, at least ${reason.minSample} are needed`;
    case 'attempt_failed':
      return `the newest run, ${reason.runId}, failed: ${reason.error.replace(/\.$/, '')}`;
    case 'attempt_unfinished':
      return (
        `the newest run, ${reason.runId}, began at ${minuteOf(reason.startedAt)} ` +
        'and has not finished'
      );
    case 'canary_lost': {
      const end = reason.toAt === null ? 'until now' : `to ${minuteOf(reason.toAt)}`;
      return `a canary was lost or late, ${minuteOf(reason.fromAt)} ${end}`;
    }
    case 'below_threshold': {
      const top = reason.standing.map(({ kind, cause, keys }) => `${kind} by ${cause} (${keys})`);
      return top.length > 0 ? `most of it ${top.join(', ')}` : 'none of it is open any more';
    }
  }
}

function formatPercent(fraction: string): string {
  // Moves the point, so that no digit is lost or made up.
  const [whole = '', decimals = ''] = fraction.split('.');
  const digits = decimals.padEnd(2, '0');
  const percent = `${whole}${digits.slice(0, 2)}`.replace(/^0+(?=\d)/, '');
  const rest = digits.slice(2).replace(/0+$/, '');
  return rest ? `${percent}.${rest}%` : `${percent}%`;
}

function lengthOf({ fromAt, toAt }: GateSettings['window']): string {
  const minutes = Math.round((millisOf(toAt) - millisOf(fromAt)) / 60_000);
  if (minutes % 60 !== 0) return `${minutes} min`;
  return `${minutes / 60} h`;
}

/** `2026-11-23 09:00 UTC`. */
function minuteOf(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}
