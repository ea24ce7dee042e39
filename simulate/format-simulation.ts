import { formatTable } from '../local/table';
import { disappointments, SIGNS } from './expectations';
import type { Fault } from './faults';
import type { Simulation } from './simulation';

/** A simulation in words, for a terminal. */
export function formatSimulation(simulation: Simulation): string {
  const { request, findings } = simulation;
  const gaps = Map.groupBy(findings.gaps, ({ reason }) => reason);
  const lines = [
    ...worldLines(simulation),
    '',
    ...proofLines(simulation),
    '',
    ...divergenceLines(simulation),
    ...[...gaps].map(([reason, some]) => `coverage: ${reason}, intervals ${some.length}`),
    '',
    ...[...request.plan.faults].map((fault) => `${fault}: ${signOf(fault, simulation)}`),
    ...verdictLines(simulation),
  ];
  return `${lines.join('\n')}\n`;
}

function worldLines(simulation: Simulation): string[] {
  const { request, counts, outcomes, findings, fromDay, toDay } = simulation;
  const seconds = (simulation.durationMs / 1_000).toFixed(1);
  const faults = [...request.plan.faults];
  const percent = request.plan.rate * 100;
  return [
    `${fromDay} to ${toDay}, ${request.couples} couples, seed ${request.seed}, ` +
      (faults.length === 0 ? 'no faults' : `faults ${faults.join(', ')} (${percent}%)`),
    `  ${simulation.writes} writes to RTDB and ${simulation.claims} second writes of old phones ` +
      `in ${seconds} s: ${Math.round(simulation.speed)} times real speed`,
    `  ${counts.emitted} events, ${counts.deliveries} deliveries ` +
      `(${Math.round(simulation.eventsPerSecond)}/s), ${counts.retries} retries`,
    `  by the faults: dropped ${counts.dropped}, duplicated ${counts.duplicated}, delayed ${counts.delayed}, ` +
      `leaves with an event overtaken ${counts.overtakenLeaves}, of another RTDB ${counts.foreign}`,
    `  outcomes: ${listOf(Object.entries(outcomes))}`,
    `  lag p50 ${millis(findings.lagP50Ms)}, p99 ${millis(findings.lagP99Ms)}`,
  ];
}

function proofLines({ proof, judgement, gate }: Simulation): string[] {
  const { keys, differing, clientOnly, causes } = judgement;
  return [
    `Readings ${proof.readings}, overtaken ${proof.overtaken}, failed ${proof.failures}, ` +
      `left behind by a killed worker ${proof.leftBehind}`,
    `  ${keys} keys, ${differing} differ, ${clientOnly} are a client's alone`,
    `  causes by leaf: ${causes.named} named, ${causes.unknown} honestly unknown, ${causes.wrong} wrong`,
    `  ${gate.sentence}`,
  ];
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
  const { where, seen } = SIGNS[fault];
  return `${where}: ${seen(simulation)}`;
}

function verdictLines(simulation: Simulation): string[] {
  const failures = disappointments(simulation);
  if (failures.length === 0) return ["As expected: the mirror's record says what the books say."];
  return ['NOT as expected:', ...failures.map((failure) => `  ${failure}`)];
}

/** One world of a sweep, as soon as it is judged. */
export function formatWorld(simulation: Simulation): string {
  const failures = disappointments(simulation);
  const result = failures.length === 0 ? 'ok' : `FAILED\n  ${failures.join('\n  ')}`;
  const seconds = (simulation.durationMs / 1_000).toFixed(1);
  return `${nameOf(simulation)}, seed ${simulation.request.seed}, ${seconds} s: ${result}\n`;
}

/** One line for each simulation: what came of its faults. */
export function formatSweep(simulations: readonly Simulation[]): string {
  const rows = simulations.map((simulation) => {
    const { counts, judgement, gate } = simulation;
    const { named, unknown, wrong } = judgement.causes;
    return [
      nameOf(simulation),
      ...[String(counts.emitted), `${judgement.differing} of ${judgement.keys}`],
      ...[`${named}, ${unknown}, ${wrong}`, listOf(Object.entries(judgement.byCause)) || '-'],
      ...[gate.verdict, disappointments(simulation).length === 0 ? 'ok' : 'FAILED'],
    ];
  });
  const heading = [
    ...['faults', 'events', 'differ', 'named, unknown, wrong', 'causes', 'gate', 'result'],
  ];
  return `\n${formatTable(heading, rows).join('\n')}\n`;
}

function nameOf({ request }: Simulation): string {
  return [...request.plan.faults].join(', ') || 'none';
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
