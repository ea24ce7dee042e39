import { LazyStore, type MirrorStore } from '../../functions/src/mirror/mirror-store';

/** Stores that know only whether they were closed; that is all it asks of them. */
function harness(close: () => Promise<void> = async () => {}) {
  const opened: { closed: number }[] = [];
  const lazy = new LazyStore(() => {
    const state = { closed: 0 };
    opened.push(state);
    return {
      close: () => {
        state.closed += 1;
        return close();
      },
    } as MirrorStore;
  });
  return { lazy, opened };
}

test('the first event opens the store, and the others share it', async () => {
  const { lazy, opened } = harness();
  expect(opened).toEqual([]);
  lazy.enter();
  const store = lazy.get();
  lazy.enter();
  expect(lazy.get()).toBe(store);
  expect(lazy.leave(true)).toBeUndefined();
  expect(lazy.leave(true)).toBeUndefined();
  expect(opened).toEqual([{ closed: 0 }]);
});

test('once mirroring is off the last event closes the store, and a later one opens another', async () => {
  const { lazy, opened } = harness();
  lazy.enter();
  lazy.enter();
  const store = lazy.get();
  expect(lazy.leave(false)).toBeUndefined();
  expect(opened).toEqual([{ closed: 0 }]);
  await expect(lazy.leave(false)).resolves.toBeUndefined();
  expect(opened).toEqual([{ closed: 1 }]);
  lazy.enter();
  expect(lazy.get()).not.toBe(store);
  expect(opened).toEqual([{ closed: 1 }, { closed: 0 }]);
});

test('with nothing opened there is nothing to close or to wait for', () => {
  const { lazy, opened } = harness();
  lazy.enter();
  expect(lazy.leave(false)).toBeUndefined();
  expect(opened).toEqual([]);
});

test('a store that does not close well fails no event', async () => {
  const { lazy } = harness(() => Promise.reject(new Error('away')));
  lazy.enter();
  lazy.get();
  await expect(lazy.leave(false)).resolves.toBeUndefined();
});
