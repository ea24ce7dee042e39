import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../../errors/mirror-error';
import type { Statements } from '../../postgres/statements';
import type { RtdbAccess } from '../../rtdb/rtdb-client';
import type { CommandContext, VerbContext } from '../context';
import type { Deployment } from './deployment';

export interface Diagnosis {
  /** `skipped`: it does not apply, or could not be looked at; the finding says why. */
  status: 'ok' | 'warn' | 'fail' | 'skipped';
  finding: string;
  /** What to do. */
  advice?: string;
}

/** A store that checks need. */
export type Store = 'postgres' | 'rtdb';

export interface Check {
  name: string;
  needs: Store | null;
  run(doctor: Doctor): Promise<Diagnosis>;
}

/** What the checks look at. */
export interface Doctor {
  /** Of the terminal. */
  env: CommandContext['env'];
  /** How Postgres is reached. */
  postgres: ClientConfig;
  statements: Statements;
  /** What would be deployed, or why that is not known. */
  deployment: Deployment | Diagnosis;
  /** How RTDB is asked, or why it can't be. */
  rtdb: RtdbAccess | { problem: string };
  isEmulator: boolean;
  /** What is mirrored; throws where the list isn't compiled yet (`isNotReady`). */
  declared: VerbContext['declared'];
  /** How many couples to look at for the largest fan-out. */
  sample: number;
}

export const ok = (finding: string): Diagnosis => ({ status: 'ok', finding });
export const skipped = (finding: string): Diagnosis => ({ status: 'skipped', finding });
export const warn = (finding: string, advice: string): Diagnosis => ({
  status: 'warn',
  finding,
  advice,
});
export const fail = (finding: string, advice: string): Diagnosis => ({
  status: 'fail',
  finding,
  advice,
});

/** Whether a check can't look yet: paths that are not compiled, firebase-tools that is not installed. */
export function isNotReady(error: unknown): error is ConfigurationError {
  return error instanceof ConfigurationError && error.code === 'PROJECT_NOT_READY';
}
