import { LINES_A_SECOND, RoutineLines } from '../../functions/src/mirror/log-lines';

/** How many of `offered` lines are written at one moment. */
const written = (lines: RoutineLines, offered: number) =>
  Array.from({ length: offered }, () => lines.takes()).filter(Boolean).length;

test('while it is quiet every line is written, second after second', () => {
  let now = 0;
  const lines = new RoutineLines(0, () => now);
  for (let second = 0; second < 5; second += 1) {
    now = second * 1_000 + 999;
    expect(written(lines, LINES_A_SECOND)).toBe(LINES_A_SECOND);
  }
});

test('beyond the first of a second the share is written', () => {
  const draws = [0.009, 0.01, 0.5, 0, 0.99];
  let draw = 0;
  const lines = new RoutineLines(
    0.01,
    () => 0,
    () => draws[draw++] ?? 1,
  );
  expect(written(lines, LINES_A_SECOND + draws.length)).toBe(LINES_A_SECOND + 2);
});

test('a share of 1 writes every line, and 0 none beyond the first', () => {
  expect(written(new RoutineLines(1, () => 0), 500)).toBe(500);
  expect(written(new RoutineLines(0, () => 0), 500)).toBe(LINES_A_SECOND);
});
