import fc from 'fast-check';
import { daysOfGaps } from '../../functions/src/backfill/gap-days';

const NOW = new Date('2026-11-25T12:00:00Z');

interface GapTimes {
  fromAt: string;
  toAt: string;
}

const gap = (fromAt: string, toAt: string): GapTimes => ({ fromAt, toAt });

test.each<[string, GapTimes[], [string, string][]]>([
  ['none', [], []],
  [
    'a moment is of the days that phones show then, UTC-12 to UTC+14',
    [gap('2026-11-10T10:00:00Z', '2026-11-10T10:00:00Z')],
    [['2026-11-09', '2026-11-11']],
  ],
  [
    'noon is of one day more',
    [gap('2026-11-10T12:00:00Z', '2026-11-10T12:00:00Z')],
    [['2026-11-10', '2026-11-11']],
  ],
  [
    'days that follow on one another are one range',
    [
      gap('2026-11-10T12:00:00Z', '2026-11-10T12:00:00Z'),
      gap('2026-11-12T12:00:00Z', '2026-11-12T12:00:00Z'),
    ],
    [['2026-11-10', '2026-11-13']],
  ],
  [
    'a day between keeps them apart, in order',
    [
      gap('2026-11-13T12:00:00Z', '2026-11-13T12:00:00Z'),
      gap('2026-11-10T12:00:00Z', '2026-11-10T12:00:00Z'),
    ],
    [
      ['2026-11-10', '2026-11-11'],
      ['2026-11-13', '2026-11-14'],
    ],
  ],
])('%s', (_case, gaps, expected) => {
  const ranges = daysOfGaps(gaps).map(({ from, to }) => [from, to]);
  expect(ranges).toEqual(expected);
});

test('the ranges hold each day of a gap, in order, with a day between two', () => {
  const hour = fc.integer({ min: -2_000, max: 0 });
  const at = (hours: number) => NOW.getTime() + hours * 3_600_000;
  fc.assert(
    fc.property(fc.array(fc.tuple(hour, fc.nat(100))), (spans) => {
      const gaps = spans.map(([from, length]) =>
        gap(new Date(at(from)).toISOString(), new Date(at(from + length)).toISOString()),
      );
      const days = new Set<string>();
      for (const [from, length] of spans) {
        for (let hours = from - 12; hours <= from + length + 14; hours += 1) {
          days.add(new Date(at(hours)).toISOString().slice(0, 10));
        }
      }
      const listed: string[] = [];
      let before = '';
      for (const { from, to } of daysOfGaps(gaps)) {
        expect(before).not.toBe(from);
        for (let ms = Date.parse(from); ms <= Date.parse(to); ms += 86_400_000) {
          listed.push(new Date(ms).toISOString().slice(0, 10));
        }
        before = new Date(Date.parse(to) + 86_400_000).toISOString().slice(0, 10);
      }
      expect(listed).toEqual([...days].sort());
    }),
  );
});
