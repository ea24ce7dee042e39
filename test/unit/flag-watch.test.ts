import { type FlagRule, ruleOfParameter } from '../../functions/src/flag/flag-rule';
import { type FlagChange, FlagWatch } from '../../functions/src/flag/flag-watch';

const ON = ruleOfParameter(true);
const OFF = ruleOfParameter(false);

/** A look that is answered when the test says so. */
function watched() {
  const changes: FlagChange[] = [];
  const pending: ((rule: FlagRule) => void)[] = [];
  const clock = { ms: 1_000_000 };
  let looks = 0;
  const watch = new FlagWatch({
    now: () => clock.ms,
    look: () => {
      looks += 1;
      return new Promise((resolve) => pending.push(resolve));
    },
    path: 'lp_awards',
    onChanges: async (seen) => void changes.push(...seen),
  });
  return {
    watch,
    clock,
    changes,
    looks: () => looks,
    answer: (rule: FlagRule) => pending.shift()?.(rule),
  };
}

async function opened(rule: FlagRule) {
  const test = watched();
  const due = test.watch.due();
  test.answer(rule);
  await due?.settled;
  return test;
}

const isSettled = async (promise: Promise<void> | undefined) =>
  Promise.race([promise?.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);

test('the first events wait for one look, all of them', async () => {
  const { watch, answer, looks, changes } = watched();
  const first = watch.due();
  const second = watch.due();
  expect(await isSettled(first?.decided)).toBe(false);
  expect(await isSettled(second?.decided)).toBe(false);
  answer(OFF);
  await Promise.all([first?.decided, second?.decided]);
  expect(watch.isEnabled('ann_zed')).toBe(false);
  expect(looks()).toBe(1);
  expect(watch.due()).toBeNull();
  await first?.settled;
  expect(changes).toMatchObject([
    { path: null, before: null, after: 'off' },
    { path: 'lp_awards', before: null, after: 'on' },
  ]);
});

test('after 45 s one event looks beside its own work, and no other does', async () => {
  const { watch, clock, answer, looks } = await opened(ON);
  clock.ms += 44_999;
  expect(watch.due()).toBeNull();
  clock.ms += 1;
  const due = watch.due();
  expect(await isSettled(due?.decided)).toBe(true);
  expect(await isSettled(due?.settled)).toBe(false);
  expect(watch.due()).toBeNull();
  expect(watch.isEnabled('ann_zed')).toBe(true);
  answer(OFF);
  await due?.settled;
  expect(watch.isEnabled('ann_zed')).toBe(false);
  expect(looks()).toBe(2);
});

test('what is 60 s old decides nothing any more', async () => {
  const { watch, clock, answer } = await opened(ON);
  clock.ms += 60_000;
  const [first, second] = [watch.due(), watch.due()];
  expect(await isSettled(first?.decided)).toBe(false);
  expect(await isSettled(second?.decided)).toBe(false);
  answer(OFF);
  await second?.decided;
  expect(watch.isEnabled('ann_zed')).toBe(false);
});

test('a look beside an event that takes too long is waited for once it is needed', async () => {
  const { watch, clock, answer, looks } = await opened(ON);
  clock.ms += 59_900;
  watch.due();
  clock.ms += 200;
  const due = watch.due();
  expect(await isSettled(due?.decided)).toBe(false);
  answer(OFF);
  await due?.decided;
  expect(looks()).toBe(2);
});

test('a look that learnt nothing counts until the next one is due', async () => {
  const { watch, clock, answer, looks } = await opened(ON);
  clock.ms += 60_000;
  const due = watch.due();
  answer({ ...ON, complaint: "can't be read" });
  await due?.settled;
  expect(watch.due()).toBeNull();
  expect(looks()).toBe(2);
});

test('a clock that is set back leads to a look', async () => {
  const { watch, clock } = await opened(ON);
  clock.ms -= 3_600_000;
  expect(watch.due()).not.toBeNull();
});

test('a change is told with the times between which it was made', async () => {
  const { watch, clock, answer, changes } = await opened(ON);
  const firstMs = clock.ms;
  clock.ms += 60_000;
  const secondMs = clock.ms;
  for (const rule of [ON, OFF]) {
    const due = watch.due();
    answer(rule);
    await due?.settled;
    clock.ms += 60_000;
  }
  expect(changes.at(-1)).toEqual({
    path: null,
    before: 'on',
    after: 'off',
    rule: OFF,
    beforeSinceMs: firstMs,
    beforeUntilMs: secondMs,
    seenAtMs: secondMs + 60_000,
  });
});

const without = (rule: FlagRule, ...off: string[]): FlagRule => ({
  ...rule,
  paths: { off: new Set(off), version: 1 },
});

test('its own path off is off for everybody, and another one changes nothing', async () => {
  const { watch, clock, answer, changes } = await opened(ON);
  changes.length = 0;
  for (const [rule, mode] of [
    [without(ON, 'steps'), 'on'],
    [without(ON, 'lp_awards', 'steps'), 'off'],
  ] as const) {
    clock.ms += 60_000;
    const due = watch.due();
    answer(rule);
    await due?.settled;
    expect(watch.mode).toBe(mode);
    expect(watch.isEnabled('ann_zed')).toBe(mode === 'on');
  }
  expect(changes).toMatchObject([{ path: 'lp_awards', before: 'on', after: 'off' }]);
});

test('since when the path and since when the flag was off are told apart', async () => {
  const { watch, clock, answer, changes } = await opened(OFF);
  const offSinceMs = clock.ms;
  for (const rule of [without(OFF, 'lp_awards'), ON]) {
    clock.ms += 60_000;
    const due = watch.due();
    answer(rule);
    await due?.settled;
  }
  expect(changes.slice(-2)).toMatchObject([
    { path: null, before: 'off', after: 'on', beforeSinceMs: offSinceMs },
    { path: 'lp_awards', before: 'off', after: 'on', beforeSinceMs: offSinceMs + 60_000 },
  ]);
});

test('a look that fails fails its own event; the next event looks again', async () => {
  let looks = 0;
  const watch = new FlagWatch({
    now: () => 0,
    look: async () => {
      looks += 1;
      if (looks === 1) throw new Error('it was to answer, whatever happens');
      return ON;
    },
    path: 'lp_awards',
    onChanges: async () => {},
  });
  const first = watch.due();
  await expect(first?.decided).rejects.toThrow();
  await expect(first?.settled).rejects.toThrow();
  await watch.due()?.decided;
  expect(watch.isEnabled('ann_zed')).toBe(true);
});
