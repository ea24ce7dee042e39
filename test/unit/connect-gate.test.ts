import { connectDelayMs } from '../../functions/src/postgres/connect-gate';

test('without a failure a connect begins at once', () => {
  expect(connectDelayMs(0, 0.999)).toBe(0);
});

test('the delay doubles up to a second, with half of it jitter', () => {
  const delays = [1, 2, 3, 4, 5, 6, 2_000].map((failures) => [
    connectDelayMs(failures, 0),
    connectDelayMs(failures, 1),
  ]);
  expect(delays).toEqual([
    [50, 100],
    [100, 200],
    [200, 400],
    [400, 800],
    [500, 1_000],
    [500, 1_000],
    [500, 1_000],
  ]);
});
