import type { RtdbUsage } from '../../functions/src/rtdb/rtdb-transport';

/** What a worker of the proof is to do. */
export interface ProofTask {
  /**
   * `work`: finds out what is due and reads it. `list`: finds out. `keys`: asks RTDB for its list alone. `hourly`: reads
   * two days of each couple, as all were read every hour before there were readings.
   */
  kind: 'work' | 'list' | 'keys' | 'hourly';
  paths: readonly string[];
  rtdbPort: number;
  concurrency: number;
  connections: number;
  /** Readings after which it stops; null = when nothing is due. */
  most: number | null;
}

/** What it did. */
export interface ProofReport {
  /** Readings, one for each path of a shard. */
  shards: number;
  kinds: Record<string, number>;
  statements: number;
  /** Of these, what noting listed shards took. */
  notedMs: number;
  ms: number;
  /** Of this process. */
  cpuMs: number;
  usage: RtdbUsage;
  peakMb: number;
}
