import { Coalescer } from '../../functions/src/mirror/coalescer';

interface Item {
  key: string;
  version: number;
  size?: number;
}

class Poison extends Error {}
class Lost extends Error {}

/** A sender that holds every batch until it is told what to do with it. */
function harness(maxInFlight = 1) {
  const sent: { batch: Item[]; isAlone: boolean; answer: (error?: Error) => void }[] = [];
  const coalescer = new Coalescer<Item, string>({
    send: (batch, isAlone) =>
      new Promise((resolve, reject) => {
        sent.push({
          batch: [...batch],
          isAlone,
          answer: (error) =>
            error ? reject(error) : resolve(batch.map((item) => `${item.key}${item.version}`)),
        });
      }),
    keyOf: (item) => item.key,
    compare: (a, b) => a.key.localeCompare(b.key) || a.version - b.version,
    sizeOf: (item) => item.size ?? 1,
    maxInFlight: () => maxInFlight,
    onFailure: (error) =>
      error instanceof Poison ? 'split' : error instanceof Lost ? 'repeat' : 'fail',
  });
  /** Long enough for an answer to free a place and for the next batch to take it. */
  const turn = async () => {
    for (let n = 0; n < 2; n += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const keys = () => sent.map(({ batch }) => batch.map((item) => `${item.key}${item.version}`));
  return { coalescer, sent, turn, keys };
}

test('a lone item is sent at once, what comes meanwhile goes together in key order', async () => {
  const { coalescer, sent, turn, keys } = harness();
  const first = coalescer.submit({ key: 'a', version: 1 });
  await turn();
  const rest = ['d', 'b', 'c'].map((key) => coalescer.submit({ key, version: 1 }));
  await turn();
  expect(keys()).toEqual([['a1']]);
  sent[0]?.answer();
  expect(await first).toBe('a1');
  await turn();
  expect(keys()).toEqual([['a1'], ['b1', 'c1', 'd1']]);
  sent[1]?.answer();
  expect(await Promise.all(rest)).toEqual(['d1', 'b1', 'c1']);
});

test('a row is in one batch at a time, the older version first', async () => {
  const { coalescer, sent, turn, keys } = harness(3);
  const all = [2, 1, 3].map((version) => coalescer.submit({ key: 'a', version }));
  await turn();
  for (const n of [0, 1, 2]) {
    expect(keys()).toHaveLength(n + 1);
    sent[n]?.answer();
    await turn();
  }
  expect(keys()).toEqual([['a1'], ['a2'], ['a3']]);
  expect(await Promise.all(all)).toEqual(['a2', 'a1', 'a3']);
});

test('a large item is not overtaken by a later one of its row', async () => {
  const { coalescer, sent, turn, keys } = harness(3);
  const all = [
    coalescer.submit({ key: 'a', version: 1, size: 600_000 }),
    coalescer.submit({ key: 'b', version: 2, size: 600_000 }),
    coalescer.submit({ key: 'b', version: 3 }),
  ];
  await turn();
  expect(keys()).toEqual([['a1'], ['b2']]);
  for (const { answer } of sent) answer();
  await turn();
  expect(keys()).toEqual([['a1'], ['b2'], ['b3']]);
  sent[2]?.answer();
  await Promise.all(all);
});

test('a repeated batch is not overtaken by a later item of its row', async () => {
  const { coalescer, sent, turn, keys } = harness(3);
  const all = [coalescer.submit({ key: 'a', version: 1 })];
  await turn();
  all.push(coalescer.submit({ key: 'a', version: 2 }));
  sent[0]?.answer(new Lost());
  await turn();
  expect(keys()).toEqual([['a1'], ['a1']]);
  sent[1]?.answer();
  await turn();
  expect(keys()).toEqual([['a1'], ['a1'], ['a2']]);
  sent[2]?.answer();
  await Promise.all(all);
});

/** A sender that gives one answer after the other, and then the last again: each to a whole batch. */
function answering(...answers: (string | Error)[]) {
  let sends = 0;
  const coalescer = new Coalescer<Item, string>({
    send: async (batch) => {
      const answer = answers[Math.min(sends, answers.length - 1)] ?? '';
      sends += 1;
      if (answer instanceof Error) throw answer;
      return batch.map(() => answer);
    },
    isPending: (result) => result === 'pending',
    keyOf: ({ key }) => key,
    compare: (a, b) => a.version - b.version,
    sizeOf: () => 1,
    maxInFlight: () => 1,
    onFailure: () => 'repeat',
  });
  return { sends: () => sends, result: coalescer.submit({ key: 'a', version: 1 }) };
}

test('a pending result goes into a later batch; one that stays pending is the answer', async () => {
  const soon = answering('pending', 'pending', 'done');
  expect(await soon.result).toBe('done');
  expect(soon.sends()).toBe(3);
  const never = answering('pending');
  expect(await never.result).toBe('pending');
  expect(never.sends()).toBe(6);
});

test('an item that waits once more may be repeated once more', async () => {
  const { result } = answering(new Lost(), 'pending', new Lost(), 'done');
  expect(await result).toBe('done');
});

test('no more batches are in flight than allowed', async () => {
  const { coalescer, sent, turn } = harness(2);
  const all = [];
  for (let n = 0; n < 4; n += 1) {
    all.push(coalescer.submit({ key: `k${n}`, version: 1 }));
    await turn();
  }
  expect(sent).toHaveLength(2);
  sent[0]?.answer();
  await turn();
  expect(sent).toHaveLength(3);
  sent[1]?.answer();
  sent[2]?.answer();
  await Promise.all(all);
});

test('a batch is bounded in items and in bytes', async () => {
  const { coalescer, sent, turn } = harness();
  // Whatever waits while the one place is taken.
  const all = [coalescer.submit({ key: 'first', version: 1 })];
  await turn();
  for (let n = 0; n < 150; n += 1) all.push(coalescer.submit({ key: `k${n}`, version: 1 }));
  for (const key of ['l1', 'l2']) {
    all.push(coalescer.submit({ key, version: 1, size: 900_000 }));
  }
  for (let n = 0; n < 4; n += 1) {
    sent[n]?.answer();
    await turn();
  }
  expect(sent.map(({ batch }) => batch.length)).toEqual([1, 100, 51, 1]);
  expect(await Promise.all(all)).toHaveLength(153);
});

test.each([
  [0, [1, 2]],
  [1, [1, 1, 1]],
])('two items of half a batch’s bytes each, and %i more: batches of %j', async (more, sizes) => {
  const { coalescer, sent, turn } = harness();
  const all = [coalescer.submit({ key: 'first', version: 1 })];
  await turn();
  for (const size of [512 * 1024, 512 * 1024 + more]) {
    all.push(coalescer.submit({ key: `k${all.length}`, version: 1, size }));
  }
  for (let n = 0; n < sizes.length; n += 1) {
    sent[n]?.answer();
    await turn();
  }
  expect(sent.map(({ batch }) => batch.length)).toEqual(sizes);
  expect(await Promise.all(all)).toHaveLength(3);
});

test('where only one may be in flight, what arrives in one turn goes together', async () => {
  const { coalescer, sent, turn } = harness(1);
  const all = Array.from({ length: 70 }, (_, n) => coalescer.submit({ key: `k${n}`, version: 1 }));
  await turn();
  sent[0]?.answer();
  expect(await Promise.all(all)).toHaveLength(70);
  expect(sent.map(({ batch }) => batch.length)).toEqual([70]);
});

test('of many that arrive in one turn the first are sent while the others still come', async () => {
  const { coalescer, sent, turn } = harness(8);
  const all = Array.from({ length: 70 }, (_, n) => coalescer.submit({ key: `k${n}`, version: 1 }));
  expect(sent.map(({ batch }) => batch.length)).toEqual([32, 32]);
  await turn();
  expect(sent.map(({ batch }) => batch.length)).toEqual([32, 32, 6]);
  for (const { answer } of sent) answer();
  expect(await Promise.all(all)).toHaveLength(70);
});

test('a poison item fails alone', async () => {
  const { coalescer, sent, turn, keys } = harness();
  const all = ['a', 'b', 'c'].map((key) => coalescer.submit({ key, version: 1 }));
  await turn();
  sent[0]?.answer(new Poison());
  await turn();
  expect(keys().slice(1)).toEqual([['a1'], ['b1'], ['c1']]);
  expect(sent.map(({ isAlone }) => isAlone)).toEqual([false, true, true, true]);
  sent[1]?.answer();
  sent[2]?.answer(new Poison('b is to blame'));
  sent[3]?.answer();
  const results = await Promise.allSettled(all);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('an item that failed is judged once its neighbours were answered', async () => {
  const answered: string[] = [];
  const coalescer = new Coalescer<Item, string>({
    send: async (batch) => {
      if (batch.length > 1 || batch[0]?.key === 'a') throw new Poison();
      // Later than the failure of the item before it.
      await new Promise((resolve) => setImmediate(resolve));
      answered.push(...batch.map(({ key }) => key));
      return batch.map(({ key }) => key);
    },
    keyOf: ({ key }) => key,
    compare: (a, b) => a.key.localeCompare(b.key),
    sizeOf: () => 1,
    maxInFlight: () => 1,
    onFailure: () => 'split',
    failureOf: (_error, { key }) => new Error(`${key} after ${answered.join()}`),
  });
  const all = ['a', 'b', 'c'].map((key) => coalescer.submit({ key, version: 1 }));
  await expect(all[0]).rejects.toThrow('a after b,c');
  expect(await Promise.all(all.slice(1))).toEqual(['b', 'c']);
});

test('a lost batch is repeated once, and then fails', async () => {
  const { coalescer, sent, turn, keys } = harness();
  const item = coalescer.submit({ key: 'a', version: 1 });
  await turn();
  sent[0]?.answer(new Lost());
  await turn();
  expect(keys()).toEqual([['a1'], ['a1']]);
  sent[1]?.answer(new Lost('again'));
  await expect(item).rejects.toThrow('again');
});

test('any other failure is everyone’s, and the next batch still goes', async () => {
  const { coalescer, sent, turn } = harness();
  const all = ['a', 'b'].map((key) => coalescer.submit({ key, version: 1 }));
  await turn();
  sent[0]?.answer(new Error('away'));
  for (const item of all) await expect(item).rejects.toThrow('away');
  const next = coalescer.submit({ key: 'a', version: 2 });
  await turn();
  sent[1]?.answer();
  expect(await next).toBe('a2');
});

test('batches in flight are bounded in bytes together', async () => {
  const { coalescer, sent, turn, keys } = harness(8);
  const sizes = [900_000, 900_000, 900_000, 1, 3_000_000];
  const all = sizes.map((size, n) => coalescer.submit({ key: `k${n}`, version: 1, size }));
  await turn();
  expect(keys()).toEqual([['k01', 'k31'], ['k11']]);
  sent[0]?.answer();
  await turn();
  expect(keys().slice(2)).toEqual([['k21']]);
  sent[1]?.answer();
  await turn();
  // Larger than all that may be in flight: it goes alone.
  expect(keys()).toHaveLength(3);
  sent[2]?.answer();
  await turn();
  expect(keys().slice(3)).toEqual([['k41']]);
  sent[3]?.answer();
  await Promise.all(all);
});
