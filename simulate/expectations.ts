import type { Cause } from '../functions/src/divergences/vocabulary';
import type { Fault } from './faults';
import type { Simulation } from './simulation';

/** What the mirror's own record must show of a fault. */
interface Expectation {
  /**
   * What the divergences that the fault leaves must be put down to; null = it heals by itself, and
   * nothing may be left.
   */
  leaves: { cause: Cause; alsoNamed: readonly Cause[] } | null;
  /** Where the fault shows, and how often it must, by what the platform did. */
  sign: {
    where: string;
    seen(simulation: Simulation): number;
    least(simulation: Simulation): number;
  };
}

/** Kinds that are a difference between the two stores, and count against consistency. */
const DIFFERENCES = ['missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'client_only'];

/**
 * What also explains a row whose deletion was lost: the day was overwritten, a later event had
 * overtaken it, or all that Postgres ever had of the completion is an old phone's second write.
 */
const LOST_DELETIONS: readonly Cause[] = ['ancestor_overwrite', 'race', 'client_without_rtdb'];

const atLeastOne = () => 1;

/** What each fault alone must end in, and with several at once, together. */
export const EXPECTATIONS: Record<Fault, Expectation> = {
  drop: {
    leaves: { cause: 'retries_exhausted', alsoNamed: LOST_DELETIONS },
    sign: {
      where: 'divergences retries_exhausted',
      seen: (simulation) => openWith(simulation, 'retries_exhausted'),
      least: atLeastOne,
    },
  },
  duplicate: {
    leaves: null,
    sign: {
      where: 'outcomes duplicate or stale',
      seen: ({ outcomes }) => (outcomes.duplicate ?? 0) + (outcomes.stale ?? 0),
      least: ({ counts, outcomes }) => counts.duplicated - (outcomes.disabled ?? 0),
    },
  },
  reorder: {
    leaves: null,
    sign: {
      where: 'divergences out_of_order/race',
      seen: (simulation) => logged(simulation, 'out_of_order', 'race'),
      least: ({ counts }) => Math.max(1, counts.overtakenLeaves),
    },
  },
  delay: {
    leaves: null,
    sign: {
      where: 'divergences late/in_flight',
      seen: (simulation) => logged(simulation, 'late', 'in_flight'),
      least: atLeastOne,
    },
  },
  outage: {
    leaves: null,
    sign: {
      where: 'coverage outage',
      seen: ({ counts, findings }) => (counts.retries > 0 ? intervals(findings, 'outage') : 0),
      least: atLeastOne,
    },
  },
  'flag-off': {
    leaves: { cause: 'flag_disabled', alsoNamed: LOST_DELETIONS },
    sign: {
      where: 'coverage flag_off, outcomes disabled',
      seen: ({ outcomes, findings }) => (outcomes.disabled ? intervals(findings, 'flag_off') : 0),
      least: atLeastOne,
    },
  },
  'client-disagrees': {
    leaves: { cause: 'client_without_rtdb', alsoNamed: [] },
    sign: {
      where: 'divergences client_only',
      seen: (simulation) => logged(simulation, 'client_only', 'client_without_rtdb'),
      least: atLeastOne,
    },
  },
};

/** Of the differences that stand: by cause, how many. */
export function standingCauses({ findings }: Simulation): Map<string, number> {
  const causes = new Map<string, number>();
  for (const { kind, cause, open } of findings.divergences) {
    if (open === 0 || !DIFFERENCES.includes(kind)) continue;
    causes.set(cause, (causes.get(cause) ?? 0) + open);
  }
  return causes;
}

/** Why the simulation did not come out; nothing where it did. Pure. */
export function disappointments(simulation: Simulation): string[] {
  const faults = [...simulation.request.plan.faults];
  return [
    ...againstBooks(simulation),
    ...againstCauses(simulation, faults),
    ...faults.flatMap((fault) => {
      const { where, seen, least } = EXPECTATIONS[fault].sign;
      const wanted = least(simulation);
      if (seen(simulation) >= wanted) return [];
      return [`${fault}: ${where}: ${seen(simulation)} seen, at least ${wanted} expected`];
    }),
  ];
}

/** The comparison must find what the books say, to the last leaf. */
function againstBooks({ run, prediction, counts }: Simulation): string[] {
  const pairs: [string, number, number][] = [
    ['matched', run.matched, prediction.matched],
    ['missing in Postgres', run.missingInPostgres, prediction.missing_in_postgres],
    ['missing in RTDB', run.missingInRtdb, prediction.missing_in_rtdb],
    ['values differ', run.valueMismatch, prediction.value_mismatch],
    ['in flight', run.inFlight, 0],
    ['events given up', counts.exhausted, 0],
  ];
  return pairs
    .filter(([, found, expected]) => found !== expected)
    .map(([what, found, expected]) => `${what}: ${found}, but the books say ${expected}`);
}

function againstCauses(simulation: Simulation, faults: readonly Fault[]): string[] {
  const standing = standingCauses(simulation);
  const leaving = faults.flatMap((fault) => EXPECTATIONS[fault].leaves ?? []);
  if (leaving.length === 0) {
    const { consistency } = simulation.run;
    return consistency === 1 ? [] : [`consistency ${consistency}, but 1 was expected`];
  }
  const allowed = new Set<string>(leaving.flatMap(({ cause, alsoNamed }) => [cause, ...alsoNamed]));
  const strange = [...standing].filter(([cause]) => !allowed.has(cause));
  const unnamed = leaving.filter(({ cause }) => !standing.has(cause));
  return [
    ...strange.map(([cause, count]) => `${count} divergences are put down to ${cause}`),
    ...unnamed.map(({ cause }) => `no divergence is put down to ${cause}`),
  ];
}

function logged({ findings }: Simulation, kind: string, cause: string): number {
  return findings.divergences
    .filter((one) => one.kind === kind && one.cause === cause)
    .reduce((sum, { open, resolved }) => sum + open + resolved, 0);
}

function openWith(simulation: Simulation, cause: string): number {
  return standingCauses(simulation).get(cause) ?? 0;
}

function intervals({ gaps }: Simulation['findings'], reason: string): number {
  return gaps.find((gap) => gap.reason === reason)?.intervals ?? 0;
}
