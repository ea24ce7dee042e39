import { join } from 'node:path';
import { eventually } from './eventually';
import type { Runtime } from './runtime';

/** What an instance preloads for its clock to be put ahead. */
export const CLOCK_AHEAD = join(__dirname, 'clock-ahead.cjs');

/** Puts an instance's clock a minute ahead; resolves once it is, so that no event comes before. */
export async function putClockAhead({ pid, lines }: Runtime): Promise<void> {
  const told = () => lines.filter((line) => line.startsWith('clock ahead')).length;
  const before = told();
  process.kill(pid, 'SIGUSR2');
  await eventually(() => told() > before, { describe: 'the clock to be put ahead' });
}
