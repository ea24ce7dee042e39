import type {
  CoverageGap,
  FinishedRun,
  RunAttempt,
} from '../completions-only/postgres/gate-evidence';
import { formatRate, type Rate, ratio } from '../completions-only/reconcile/rate';
import type { GateQuestion } from '../completions-only/reconcile/read-gate';
import type { MirrorReport, WitnessReport } from '../completions-only/reconcile/read-report';
import { printable } from './printable';

/** A report in words, the verdict first. */
export function formatReport(report: MirrorReport): string {
  const { gate, lag, divergences, canaryAgeMs, witnesses } = report;
  const { gaps } = gate.facts;
  const lines = [
    printable(gate.sentence),
    '',
    `raw rate        ${rateLine(gate.raw)}`,
    `explained rate  ${rateLine(gate.explained)}, without what is known to lie outside the mirror`,
    ...listed('runs counted', gate.counted.map(runLine)),
    ...attemptLines(gate.facts.newestAttempt),
    `in flight       ${inFlightOf(report)} keys agreed on being read again`,
    lag === null
      ? 'lag             no event was mirrored in the window'
      : `lag             p50 ${lag.p50Ms} ms, p95 ${lag.p95Ms} ms, p99 ${lag.p99Ms} ms, ` +
        `max ${lag.maxMs} ms, of ${lag.rows} rows`,
    ...listed(
      'open divergences',
      divergences.map(
        ({ kind, cause, severity, open }) => `${severity}: ${kind} by ${cause}: ${open}`,
      ),
    ),
    ...listed('coverage gaps', gaps.map(gapLine)),
    `canary          ${canaryLine(canaryAgeMs)}`,
    ...(witnesses ? witnessLines(witnesses) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function rateLine(rate: Rate): string {
  const text = formatRate(rate);
  return text === null ? 'none: nothing was compared' : `${text}, ${integers(rate)}`;
}

function integers({ matched, compared }: Rate): string {
  return `${matched} of ${compared} keys`;
}

function runLine(run: FinishedRun): string {
  const { missingInPostgres, missingInRtdb, valueMismatch } = run;
  const differing =
    `missing in Postgres ${missingInPostgres}, in RTDB ${missingInRtdb}, ` +
    `values differ ${valueMismatch}`;
  return (
    `${run.id}, ${run.fromDate} to ${run.toDate}, finished ${secondOf(run.finishedAt)}: ` +
    `${run.couples} couples, matched ${run.matched}, ${differing}`
  );
}

/** A newer run that does not count is told of, also where an older one suffices. */
function attemptLines(attempt: RunAttempt | null): string[] {
  if (attempt === null || attempt.status === 'finished') return [];
  const { id, startedAt, status, error } = attempt;
  const end = status === 'failed' ? `failed: ${error ?? 'no reason'}` : 'has not finished';
  return [printable(`newest run      ${id}, begun ${secondOf(startedAt)}, ${end}`)];
}

function gapLine({ reason, fromAt, toAt }: CoverageGap): string {
  return `${reason}: ${secondOf(fromAt)} to ${toAt === null ? 'now' : secondOf(toAt)}`;
}

function canaryLine(ageMs: number | null): string {
  if (ageMs === null) return 'none has arrived';
  return `the last one arrived ${Math.round(ageMs / 1000)} s ago`;
}

function witnessLines(witnesses: WitnessReport): string[] {
  return [
    `witnesses       both ${witnesses.both}, only RTDB ${witnesses.onlyRtdb}, ` +
      `only the phone ${witnesses.onlyClient}`,
    `mirror alone    ${rateLine(witnesses.mirrorAlone)}, without what only a phone told`,
  ];
}

function listed(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [`${title.padEnd(16)}none`];
  return [title, ...items.map((item) => `  ${printable(item)}`)];
}

/** `2026-11-23 09:00:05 UTC`. */
function secondOf(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 19)} UTC`;
}

/** A report for machines. What there is none of is null. */
export function reportJson(report: MirrorReport, question: GateQuestion) {
  const { gate, lag, divergences, canaryAgeMs, witnesses } = report;
  return {
    verdict: gate.verdict,
    sentence: gate.sentence,
    reasons: gate.reasons,
    window: { from: gate.window.fromAt, to: gate.window.toAt },
    threshold: Number(question.threshold.text),
    minSample: question.minSample,
    raw: withRatio(gate.raw),
    explained: withRatio(gate.explained),
    runs: gate.counted,
    newestAttempt: gate.facts.newestAttempt,
    inFlight: inFlightOf(report),
    standing: gate.facts.standing,
    lag,
    divergences,
    coverage: gate.facts.gaps,
    canaryAgeMs,
    ...(witnesses
      ? { witnesses: { ...witnesses, mirrorAlone: withRatio(witnesses.mirrorAlone) } }
      : {}),
  };
}

/** Keys that differed at first and agreed on being read again. */
function inFlightOf({ gate }: MirrorReport): number {
  return gate.counted.reduce((sum, { inFlight }) => sum + inFlight, 0);
}

function withRatio(rate: Rate) {
  return { ...rate, rate: ratio(rate) };
}
