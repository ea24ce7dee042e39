import { ByteBudget } from '../../functions/src/runtime/byte-budget';

test('what fits begins at once, the rest in the order of asking', async () => {
  const budget = new ByteBudget(10);
  const begun: string[] = [];
  expect(budget.enter(6)).toBeNull();
  const large = budget.enter(5)?.then(() => begun.push('large'));
  // It would fit, but it came later.
  const small = budget.enter(1)?.then(() => begun.push('small'));
  budget.leave(6);
  await Promise.all([large, small]);
  expect(begun).toEqual(['large', 'small']);
  expect(budget.enter(4)).toBeNull();
});

test('what is larger than the bound begins alone', async () => {
  const budget = new ByteBudget(10);
  expect(budget.enter(1)).toBeNull();
  const huge = budget.enter(100);
  expect(huge).not.toBeNull();
  budget.leave(1);
  await huge;
  const next = budget.enter(1);
  expect(next).not.toBeNull();
  budget.leave(100);
  await next;
});
