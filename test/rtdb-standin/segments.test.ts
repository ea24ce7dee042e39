import { segmentJoiner } from '../../rtdb-standin/realtime/segments';

const parameters = (...segments: [number: number, total: number, text: string][]) =>
  new URLSearchParams(
    segments.flatMap(([number, total, data], index): [string, string][] => [
      [`seg${index}`, String(number)],
      [`ts${index}`, String(total)],
      [`d${index}`, data],
    ]),
  );

const [first, second, third] = ['eyJ0Ijoi', 'ZCIsImQi', 'OnsiciI6MX19'];
const MESSAGE = '{"t":"d","d":{"r":1}}';

describe('segments of long polling', () => {
  test('of one request are put together', () => {
    const join = segmentJoiner();
    expect(join(parameters([0, 3, first], [1, 3, second], [2, 3, third]))).toEqual([MESSAGE]);
  });

  test('of requests that overtake each other wait for the missing one', () => {
    const join = segmentJoiner();
    const single = Buffer.from('{}').toString('base64').replaceAll('=', '.');
    expect(join(parameters([1, 3, second], [2, 3, third], [3, 1, single]))).toEqual([]);
    expect(join(parameters([0, 3, first]))).toEqual([MESSAGE, '{}']);
    expect(join(parameters([4, 1, single]))).toEqual(['{}']);
  });

  test.each<[string, number, number]>([
    ['a number that was taken already', -1, 1],
    ['a number far ahead', 1e9, 1],
    ['no number', Number.NaN, 1],
    ['a total of none', 0, 0],
    ['a total beyond all messages', 0, 1e9],
  ])('with %s are refused', (_, number, total) => {
    expect(() => segmentJoiner()(parameters([number, total, 'e30']))).toThrow('makes no sense');
  });
});
