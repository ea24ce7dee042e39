import { createPresentState, MAX_LEAF_BYTES } from '../../functions/src/mirror/present-state';
import { type RtdbStub, startRtdbStub } from '../support/rtdb-stub';

const location = (instance: string | null, databaseHost: string | null) => ({
  instance,
  databaseHost,
  path: 'daily_quests/a_b',
});

describe('only databases of Google are read, since the token goes there', () => {
  const reader = createPresentState(async () => 'token', undefined);

  test.each([
    ['my-project-default-rtdb', 'firebaseio.com', true],
    ['my-project', 'europe-west1.firebasedatabase.app', true],
    [null, 'firebaseio.com', false],
    ['my-project', null, false],
    ['my-project', 'evil.example', false],
    ['my-project', 'firebaseio.com.evil.example', false],
    ['evil.example/', 'firebaseio.com', false],
    ['evil.example#', 'firebaseio.com', false],
  ])('%j at %j: %s', async (instance, host, expected) => {
    expect(reader.isReadable(location(instance, host))).toBe(expected);
    if (!expected) {
      await expect(reader.readLeaf(location(instance, host))).rejects.toThrow('no database');
    }
  });
});

test("evidence that can't be read is none, and is not asked for at every event", async () => {
  let asked = 0;
  const reader = createPresentState(async () => {
    asked += 1;
    throw new Error('no credentials');
  }, undefined);
  for (const maxBytes of [4, 64]) {
    const evidence = reader.readEvidence(location('my-project', 'firebaseio.com'), { maxBytes });
    expect(await evidence).toBeNull();
  }
  expect(asked).toBe(1);
});

describe('what is read is bounded', () => {
  let rtdb: RtdbStub;
  beforeAll(async () => {
    rtdb = await startRtdbStub();
  });
  afterAll(() => rtdb?.stop());

  const day = location('demo-quests-default-rtdb', 'firebaseio.com');
  const readerOfStub = () => createPresentState(async () => 'owner', rtdb.host);

  test.each([
    [9, { isWhole: true, value: '1234567' }],
    [8, { isWhole: false }],
  ])('by the bytes of its JSON: %d', async (maxBytes, expected) => {
    rtdb.hold(day.path, '1234567');
    expect(await readerOfStub().readEvidence(day, { maxBytes })).toEqual(expected);
  });

  test('a leaf is read up to what an event can bring', async () => {
    rtdb.hold(day.path, 'x'.repeat(MAX_LEAF_BYTES));
    expect(await readerOfStub().readLeaf(day)).toEqual({ isWhole: false });
    rtdb.hold(day.path, 'x'.repeat(1_000_000));
    expect(await readerOfStub().readLeaf(day)).toMatchObject({ isWhole: true });
  });

  test('leaves are read by turns, and each is', async () => {
    rtdb.hold(day.path, true);
    const reader = readerOfStub();
    const readings = await Promise.all(Array.from({ length: 40 }, () => reader.readLeaf(day)));
    expect(readings).toEqual(readings.map(() => ({ isWhole: true, value: true })));
  });

  test('the time to wait for a turn counts', async () => {
    rtdb.mode = 'hangs';
    const reader = readerOfStub();
    const evidence = [1, 2, 3].map(() => reader.readEvidence(day, { maxBytes: 3_000_000 }));
    expect(await Promise.all(evidence)).toEqual([null, null, null]);
  });
});
