import { formatTable } from '../local/table';
import { disappointments, EXPECTATIONS, standingCauses } from './expectations';
import type { Fault } from './faults';
import type { Simulation } from './simulation';

/** A simulation in words, for a terminal. */
export function formatSimulation(simulation: Simulation): string {
  const { request, findings } = simulation;
  const lines = [
    ...dayLines(simulation),
    '',
    ...runLines(simulation),
    '',
    ...divergenceLines(simulation),
    ...findings.gaps.map(({ reason, intervals }) => `coverage: ${reason}, intervals ${intervals}`),
    '',
    ...[...request.plan.faults].map((fault) => `${fault}: ${signOf(fault, simulation)}`),
    ...verdictLines(simulation),
  ];
  return `${lines.join('\n')}\n`;
}

function dayLines(simulation: Simulation): string[] {
  const { request, counts, outcomes, findings } = simulation;
  const seconds = (simulation.durationMs / 1_000).toFixed(1);
  const faults = [...request.plan.faults];
  const percent = request.plan.rate * 100;
  return [
    `The day ${simulation.dateKey} of ${request.couples} couples, seed ${request.seed}, ` +
      (faults.length === 0 ? 'no faults' : `faults ${faults.join(', ')} (${percent}%)`),
    `  ${simulation.writes} writes to RTDB and ${simulation.claims} second writes of old phones ` +
      `in ${seconds} s: ${Math.round(simulation.speed)} times real speed`,
    `  ${counts.emitted} events, ${counts.deliveries} deliveries ` +
      `(${Math.round(simulation.eventsPerSecond)}/s), ${counts.retries} retries`,
    `  by the faults: dropped ${counts.dropped}, duplicated ${counts.duplicated}, delayed ${counts.delayed}, ` +
      `leaves with an event overtaken ${counts.overtakenLeaves}`,
    `  outcomes: ${listOf(Object.entries(outcomes))}`,
    `  lag p50 ${millis(findings.lagP50Ms)}, p99 ${millis(findings.lagP99Ms)}`,
  ];
}

function runLines({ run }: Simulation): string[] {
  return [
    `Run ${run.runId}, ${run.fromDate} to ${run.toDate}: ${run.status}`,
    `  matched ${run.matched}, missing in Postgres ${run.missingInPostgres}, ` +
      `missing in RTDB ${run.missingInRtdb}, values differ ${run.valueMismatch}, ` +
      `in flight ${run.inFlight}: ${percentOf(run)}`,
  ];
}

function percentOf({ consistency }: Simulation['run']): string {
  return consistency === null ? 'nothing compared' : `${(consistency * 100).toFixed(2)}%`;
}

function divergenceLines({ findings }: Simulation): string[] {
  if (findings.divergences.length === 0) return ['No divergences were logged.'];
  return formatTable(
    ['divergence', 'cause', 'severity', 'open', 'healed'],
    findings.divergences.map(({ kind, cause, severity, open, resolved }) => [
      ...[kind, cause, severity],
      ...[String(open), String(resolved)],
    ]),
  );
}

function signOf(fault: Fault, simulation: Simulation): string {
  const { where, seen } = EXPECTATIONS[fault].sign;
  return `${where}: ${seen(simulation)}`;
}

function verdictLines(simulation: Simulation): string[] {
  const failures = disappointments(simulation);
  if (failures.length === 0) return ['As expected: both stores show what the books say.'];
  return ['NOT as expected:', ...failures.map((failure) => `  ${failure}`)];
}

/** One line for each simulation: what came of its fault. */
export function formatEachFault(simulations: readonly Simulation[]): string {
  const rows = simulations.map((simulation) => {
    const { request, counts, run } = simulation;
    const [fault] = request.plan.faults;
    return [
      fault ?? 'none',
      String(counts.emitted),
      percentOf(run),
      listOf([...standingCauses(simulation)]) || '-',
      fault === undefined ? '-' : signOf(fault, simulation),
      disappointments(simulation).length === 0 ? 'ok' : 'FAILED',
    ];
  });
  const heading = ['fault', 'events', 'consistency', 'causes of what stands', 'shows in', 'result'];
  const failures = simulations.flatMap((simulation) => {
    const [fault = 'none'] = simulation.request.plan.faults;
    return disappointments(simulation).map((failure) => `${fault}: ${failure}`);
  });
  return `${[...formatTable(heading, rows), ...failures].join('\n')}\n`;
}

function millis(value: number | null): string {
  return value === null ? '-' : `${Math.round(value)} ms`;
}

/** A simulation for machines; without where its stores were, which a password belongs to. */
export function plainSimulation(simulation: Simulation): Record<string, unknown> {
  const { request, stores: _stores, ...rest } = simulation;
  const { plan, ...asked } = request;
  const faults = [...plan.faults];
  return { ...asked, faults, rate: plan.rate, ...rest, failures: disappointments(simulation) };
}

function listOf(entries: readonly (readonly [string, number])[]): string {
  return entries.map(([name, count]) => `${name} ${count}`).join(', ');
}
