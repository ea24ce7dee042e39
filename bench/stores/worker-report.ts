import { readFileSync } from 'node:fs';

/** What a worker reports to the bench. */
export interface WorkerReport {
  completions: number;
  ms: number;
  peakMb: number;
}

/** The most that this process has held, in MB; NaN where that can't be told. */
export function peakMb(): number {
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : '';
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}
