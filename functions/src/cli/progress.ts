import { Presets, SingleBar } from 'cli-progress';
import type { CommandContext } from './context';

export interface Progress {
  start(total: number): void;
  /** @param total where more have become known */
  update(done: number, total?: number): void;
  stop(): void;
}

/** A progress bar on a terminal's stderr; nothing where nobody watches, or in a test. */
export function createProgress({ isTerminal }: CommandContext, unit: string): Progress {
  if (!isTerminal) return { start() {}, update() {}, stop() {} };
  const bar = new SingleBar(
    { format: `{bar} {percentage}% {value}/{total} ${unit}, {eta_formatted} left`, etaBuffer: 100 },
    Presets.shades_classic,
  );
  return {
    start: (total) => bar.start(total, 0),
    update(done, total) {
      if (total !== undefined) bar.setTotal(total);
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}
