import type { Fault } from './faults';
import type { Simulation } from './simulation';

/** Where a fault shows in the mirror's own record, and how often it must, by what was done. */
interface Sign {
  where: string;
  seen(simulation: Simulation): number;
  least?(simulation: Simulation): number;
}

export const SIGNS: Readonly<Record<Fault, Sign>> = {
  drop: {
    where: 'differences retries_exhausted',
    seen: (simulation) => causesOf(simulation, 'retries_exhausted'),
  },
  duplicate: {
    where: 'outcomes duplicate or stale',
    seen: ({ outcomes }) => (outcomes.duplicate ?? 0) + (outcomes.stale ?? 0),
    least: ({ counts, outcomes }) => counts.duplicated - (outcomes.disabled ?? 0),
  },
  reorder: {
    where: 'divergences out_of_order/race',
    seen: (simulation) => logged(simulation, 'out_of_order', 'race'),
    // Where tables were emptied meanwhile, nothing was there to be older than.
    least: ({ counts }) => Math.min(1, counts.overtakenLeaves),
  },
  delay: {
    where: 'differences that an event ended',
    seen: ({ findings }) => findings.endedByEvents,
  },
  outage: {
    where: 'coverage outage, retries',
    seen: ({ counts, findings }) => (counts.retries > 0 ? intervals(findings, 'outage') : 0),
  },
  'flag-off': {
    where: 'coverage flag_off, outcomes disabled',
    seen: ({ outcomes, findings }) => (outcomes.disabled ? intervals(findings, 'flag_off') : 0),
  },
  'client-disagrees': {
    where: 'divergences client_only',
    seen: (simulation) => logged(simulation, 'client_only', 'client_without_rtdb'),
  },
  'off-throughout': {
    where: 'the gate is not ready, outcomes disabled',
    seen: ({ gate, outcomes }) => (gate.verdict === 'not_ready' ? (outcomes.disabled ?? 0) : 0),
  },
  percent: {
    where: 'the gate is not ready, outcomes disabled',
    seen: ({ gate, outcomes }) => (gate.verdict === 'not_ready' ? (outcomes.disabled ?? 0) : 0),
  },
  restore: {
    where: 'coverage restored',
    seen: ({ findings }) => intervals(findings, 'restored'),
  },
  truncate: {
    where: 'direct writes',
    seen: ({ findings }) => findings.truncations,
  },
  'late-reading': {
    where: 'readings that another one overtook',
    seen: ({ proof }) => proof.overtaken,
  },
  'killed-worker': {
    where: 'readings that never ended',
    seen: ({ proof }) => proof.leftBehind,
  },
  'other-rtdb': {
    where: 'divergences other_database, workers refused',
    seen: ({ findings, proof }) =>
      proof.refused * findings.divergences.filter(({ cause }) => cause === 'other_database').length,
  },
};

/** Why the simulation did not come out; nothing where it did. Pure. */
export function disappointments(simulation: Simulation): string[] {
  const { request, judgement, counts } = simulation;
  const unseen = [...request.plan.faults].flatMap((fault) => {
    const { where, seen, least = () => 1 } = SIGNS[fault];
    const wanted = least(simulation);
    if (seen(simulation) >= wanted) return [];
    return [`${fault}: ${where}: ${seen(simulation)} seen, at least ${wanted} expected`];
  });
  const exhausted = counts.exhausted === 0 ? [] : [`events given up: ${counts.exhausted}`];
  return [...judgement.failures, ...exhausted, ...unseen];
}

function causesOf({ judgement }: Simulation, cause: string): number {
  return judgement.byCause[cause] ?? 0;
}

function logged({ findings }: Simulation, kind: string, cause: string): number {
  return findings.divergences
    .filter((one) => one.kind === kind && one.cause === cause)
    .reduce((sum, { open, resolved }) => sum + open + resolved, 0);
}

function intervals({ gaps }: Simulation['findings'], reason: string): number {
  return gaps.filter((gap) => gap.reason === reason).length;
}
