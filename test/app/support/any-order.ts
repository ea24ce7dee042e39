import fc from 'fast-check';

/**
 * Each item twice, in any order: at-least-once delivery at its worst. As an arbitrary, so that a
 * failing run prints the seed it can be had again by.
 */
export function eachTwiceInAnyOrder<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  const twice = [...items, ...items];
  return fc.shuffledSubarray(twice, { minLength: twice.length });
}
