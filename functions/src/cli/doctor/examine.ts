import { MirrorError } from '../../errors/mirror-error';
import { printable } from '../printable';
import { type Check, type Diagnosis, type Doctor, isNotReady, type Store, skipped } from './check';
import { CONNECTIONS_CHECK } from './connections-check';
import { DATABASE_CHECKS } from './database-checks';
import { DEPLOYED_CHECK } from './deployed-check';
import { DEPLOYMENT_CHECKS } from './deployment-checks';
import { IDENTITY_CHECK } from './identity-check';
import { RTDB_CHECKS } from './rtdb-checks';
import { SCHEMA_CHECKS } from './schema-checks';
import { SECRET_CHECK } from './secret-check';
import { SETTINGS_CHECKS } from './settings-checks';
import { TREES_CHECK } from './trees-check';

/** All checks, in order; the first that needs a store shows whether it answers. */
const CHECKS: readonly Check[] = [
  ...DATABASE_CHECKS,
  CONNECTIONS_CHECK,
  ...SCHEMA_CHECKS,
  IDENTITY_CHECK,
  ...RTDB_CHECKS,
  TREES_CHECK,
  ...DEPLOYMENT_CHECKS,
  DEPLOYED_CHECK,
  SECRET_CHECK,
  ...SETTINGS_CHECKS,
];

export type NamedDiagnosis = Diagnosis & { name: string };

export interface Examination {
  checks: NamedDiagnosis[];
  /** Stores that did not answer, and why. */
  unreachable: { store: Store; reason: string }[];
}

/** Runs all checks, one after the other. A check that throws has failed; it ends no other. */
export async function examine(doctor: Doctor): Promise<Examination> {
  const checks: NamedDiagnosis[] = [];
  const asked = new Set<Store>();
  const unreachable: Examination['unreachable'] = [];
  for (const { name, needs, run } of CHECKS) {
    if (unreachable.some(({ store }) => store === needs)) {
      checks.push({ name, status: 'skipped', finding: `${needs} could not be asked` });
      continue;
    }
    const result = await run(doctor).catch((error: unknown): Diagnosis => {
      // A list of paths that isn't compiled yet is no finding.
      if (isNotReady(error)) return skipped(printable(error.message));
      const reason = reasonOf(error);
      if (needs !== null && !asked.has(needs)) unreachable.push({ store: needs, reason });
      if (!(error instanceof MirrorError) || error.remedy === null) {
        return { status: 'fail', finding: reason };
      }
      return { status: 'fail', finding: printable(error.problem), advice: error.remedy };
    });
    if (needs !== null) asked.add(needs);
    checks.push({ name, ...result });
  }
  return { checks, unreachable };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return printable(message.split('\n')[0] ?? '');
}
