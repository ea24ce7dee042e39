import type { Statements } from '../../postgres/statements';
import type { RtdbTree } from '../rtdb-tree';

/** What a run is asked to compare. */
export interface ReconcileRequest {
  /** First and last day, `YYYY-MM-DD`, both included. */
  fromDate: string;
  toDate: string;
  /** How long a mismatch may be on its way before both sides are read again, in milliseconds. */
  graceMs: number;
  /** Only these couples; null = all. A run of some couples does not count for the gate. */
  couples: string[] | null;
}

/** What a run needs from outside. */
export interface ReconcileContext {
  statements: Statements;
  rtdb: RtdbTree;
  retentionDays: number;
  /** The time for judging causes (what the platform may still retry); default: the clock. */
  now?: () => Date;
  /** Couples whose RTDB days are read at once. Default 16. */
  concurrency?: number;
  /** Couples that were looked at, and differences that wait for their second look. */
  onProgress?: (done: { couples: number; waiting: number }) => void;
}

/** A run as `mirror.reconcile_runs` shows it. */
export interface RunSummary {
  runId: number;
  status: 'running' | 'finished' | 'failed';
  fromDate: string;
  toDate: string;
  couples: number;
  matched: number;
  missingInPostgres: number;
  missingInRtdb: number;
  valueMismatch: number;
  /** Keys that differed at first and agreed on being read again. */
  inFlight: number;
  /** matched / (matched + the three kinds of mismatch); null where nothing was compared. */
  consistency: number | null;
  rtdbMs: number;
  postgresMs: number;
  rtdbBytes: number;
  error: string | null;
}
