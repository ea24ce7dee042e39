/** What stands at one key: on one side, or on both. */
export type Pair<Left, Right> =
  | { left: Left; right: Right }
  | { left: Left; right: null }
  | { left: null; right: Right };

/** A side was not in the order that a merge needs: its answers would be wrong, so there are none. */
export class DisorderError extends Error {}

/**
 * Merges two sides that are each sorted and hold each key once. Pure, and reads both lazily: one
 * item of each is held at a time.
 *
 * @param compare the one order of both sides
 * @param nameOf what to call an item in an error
 * @throws DisorderError at the first item that does not come after the one before it
 */
export function* mergeSorted<Key, Left extends Key, Right extends Key>(
  left: Iterable<Left>,
  right: Iterable<Right>,
  compare: (a: Key, b: Key) => number,
  nameOf: (item: Key) => string,
): Generator<Pair<Left, Right>> {
  const lefts = inOrder(left, 'left', compare, nameOf);
  const rights = inOrder(right, 'right', compare, nameOf);
  let nextLeft = lefts.next();
  let nextRight = rights.next();
  while (!nextLeft.done || !nextRight.done) {
    const order = nextLeft.done
      ? 1
      : nextRight.done
        ? -1
        : compare(nextLeft.value, nextRight.value);
    if (order < 0 && !nextLeft.done) {
      yield { left: nextLeft.value, right: null };
    } else if (order > 0 && !nextRight.done) {
      yield { left: null, right: nextRight.value };
    } else if (!nextLeft.done && !nextRight.done) {
      yield { left: nextLeft.value, right: nextRight.value };
    }
    if (order <= 0) nextLeft = lefts.next();
    if (order >= 0) nextRight = rights.next();
  }
}

function* inOrder<Key, Item extends Key>(
  items: Iterable<Item>,
  side: 'left' | 'right',
  compare: (a: Key, b: Key) => number,
  nameOf: (item: Key) => string,
): Generator<Item, undefined> {
  let previous: Item | undefined;
  for (const item of items) {
    if (previous !== undefined && compare(previous, item) >= 0) {
      throw new DisorderError(`${side} side: ${nameOf(item)} came after ${nameOf(previous)}`);
    }
    previous = item;
    yield item;
  }
  return undefined;
}
