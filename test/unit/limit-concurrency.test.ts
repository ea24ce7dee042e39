import fc from 'fast-check';
import { limitConcurrency } from '../../functions/src/completions-only/reconcile/limit-concurrency';

/** Work that runs until it is told to end, and which of it is running. */
function harness(max: number) {
  const limit = limitConcurrency(max);
  const running = new Map<number, (failure?: Error) => void>();
  const begun: number[] = [];
  const start = (n: number) =>
    limit(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(n);
          running.set(n, (failure) => {
            running.delete(n);
            if (failure) reject(failure);
            else resolve(n);
          });
        }),
    );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { start, running, begun, turn };
}

test('as much runs as may, the rest in its turn, and each gets its own result', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
      async (max, count, picks) => {
        const { start, running, begun, turn } = harness(max);
        const all = Array.from({ length: count }, (_, n) => start(n));
        const settled = Promise.allSettled(all);
        for (let ended = 0; ended < count; ended += 1) {
          await turn();
          expect(running.size).toBe(Math.min(max, count - ended));
          expect(begun).toEqual(all.slice(0, max + ended).map((_, n) => n));
          const pick = [...running.keys()][(picks[ended] ?? 0) % running.size] ?? 0;
          running.get(pick)?.(pick % 3 === 0 ? new Error(`no ${pick}`) : undefined);
        }
        const results = await settled;
        expect(results.map((result) => result.status === 'fulfilled' && result.value)).toEqual(
          results.map((_, n) => (n % 3 === 0 ? false : n)),
        );
        // All places are free again.
        const more = Array.from({ length: max + 1 }, (_, n) => start(n + 1));
        await turn();
        expect(running.size).toBe(max);
        for (let ended = 0; ended <= max; ended += 1) {
          await turn();
          for (const end of [...running.values()]) end();
        }
        await Promise.all(more);
      },
    ),
    { numRuns: 40 },
  );
});
