import { type Rate, ratio } from '../../completions-only/reconcile/rate';
import type { GateQuestion } from '../../completions-only/reconcile/read-gate';
import type { MirrorReport } from '../../completions-only/reconcile/read-report';

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
export function inFlightOf({ gate }: MirrorReport): number {
  return gate.counted.reduce((sum, { inFlight }) => sum + inFlight, 0);
}

function withRatio(rate: Rate) {
  return { ...rate, rate: ratio(rate) };
}
