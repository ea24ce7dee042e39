import { createHook } from 'node:async_hooks';
import { z } from 'zod';
import { Query, type Statements } from '../../functions/src/postgres/statements';

/** Every promise of an event passes through the hooks of its request's domain. */
async function promisesOf(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') count += 1;
    },
  }).enable();
  const asked = work();
  hook.disable();
  await asked;
  return count;
}

test('a query adds one promise to its statement', async () => {
  const given = Promise.resolve([{ lag_ms: 1 }]);
  const statements: Statements = { run: () => given };
  // Not by `query`, which lists it for the test that prepares each.
  const lag = new Query({ text: 'select 1', params: {}, row: { lagMs: z.number() } });
  expect(await promisesOf(() => lag.all(statements))).toBe(1);
  expect(await lag.all(statements)).toEqual([{ lagMs: 1 }]);
});
