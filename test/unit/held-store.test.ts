import { HeldStore } from '../../functions/src/mirror/held-store';
import type { MirrorStore } from '../../functions/src/mirror/mirror-store';

/** Stores that know only whether they were closed; that is all a holder asks of them. */
function harness(close: () => Promise<void> = async () => {}) {
  const opened: { closed: number }[] = [];
  const held = new HeldStore(() => {
    const state = { closed: 0 };
    opened.push(state);
    return {
      close: () => {
        state.closed += 1;
        return close();
      },
    } as MirrorStore;
  });
  return { held, opened };
}

test('the first event opens the store, and the others share it', async () => {
  const { held, opened } = harness();
  expect(opened).toEqual([]);
  held.enter();
  const store = held.get();
  held.enter();
  expect(held.get()).toBe(store);
  expect(held.leave(true)).toBeUndefined();
  expect(held.leave(true)).toBeUndefined();
  expect(opened).toEqual([{ closed: 0 }]);
});

test('once mirroring is off the last event closes the store, and a later one opens another', async () => {
  const { held, opened } = harness();
  held.enter();
  held.enter();
  const store = held.get();
  expect(held.leave(false)).toBeUndefined();
  expect(opened).toEqual([{ closed: 0 }]);
  await expect(held.leave(false)).resolves.toBeUndefined();
  expect(opened).toEqual([{ closed: 1 }]);
  held.enter();
  expect(held.get()).not.toBe(store);
  expect(opened).toEqual([{ closed: 1 }, { closed: 0 }]);
});

test('with nothing opened there is nothing to close or to wait for', () => {
  const { held, opened } = harness();
  held.enter();
  expect(held.leave(false)).toBeUndefined();
  expect(opened).toEqual([]);
});

test('a store that does not close well fails no event', async () => {
  const { held } = harness(() => Promise.reject(new Error('away')));
  held.enter();
  held.get();
  await expect(held.leave(false)).resolves.toBeUndefined();
});
