import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Of Linux, whatever the machine; other systems have no /proc. */
const MS_PER_TICK = 10;
const QUIET_SAMPLE_MS = 250;
/** Others may use this much of a core. */
const QUIET_CORES = 0.25;
const QUIET_TIMEOUT_MS = 4_000;
/** A machine that is never quiet must not make the bench endless. */
let waitingLeftMs = 90_000;

/** CPU time that living processes have used, all threads; null where the system does not tell. */
export function cpuMsOf(pids: readonly number[]): number | null {
  if (process.platform !== 'linux') return null;
  let ticks = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // What follows the name starts with field 3; utime and stime are 14 and 15.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // Ended meanwhile.
    }
  }
  return ticks * MS_PER_TICK;
}

/** Waits for others on this machine to leave it alone, but not forever. */
export async function untilQuiet(): Promise<void> {
  if (process.platform !== 'linux') return;
  const startedAt = performance.now();
  const timeoutMs = Math.min(QUIET_TIMEOUT_MS, waitingLeftMs + QUIET_SAMPLE_MS);
  while (performance.now() - startedAt < timeoutMs) {
    const before = busyTicks();
    await delay(QUIET_SAMPLE_MS);
    if ((busyTicks() - before) * MS_PER_TICK <= QUIET_CORES * QUIET_SAMPLE_MS) break;
  }
  waitingLeftMs -= Math.max(0, performance.now() - startedAt - QUIET_SAMPLE_MS);
}

function busyTicks(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  // user nice system idle iowait irq softirq steal
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return user + nice + system + irq + softirq + steal;
}
