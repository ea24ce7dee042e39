/** Runs work, at most so much of it at once; the rest waits its turn. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

/** A limit that all who share it keep together. */
export function limitConcurrency(max: number): Limit {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      // Whoever waits takes the place over.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
