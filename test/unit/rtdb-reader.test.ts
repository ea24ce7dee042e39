import { createRtdbReader, MAX_LEAF_BYTES } from '../../functions/src/rtdb/rtdb-reader';
import { type RtdbStub, startRtdbStub } from '../support/rtdb-stub';

const location = (instance: string | null, databaseHost: string | null) => ({
  instance,
  databaseHost,
  path: 'daily_quests/a_b',
});

describe('only databases of Google are read, since the token goes there', () => {
  const reader = createRtdbReader(async () => 'token', undefined);

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
      await expect(reader.read(location(instance, host))).rejects.toThrow('no database');
    }
  });
});

test('a glimpse that fails is no evidence, and is not tried at every event', async () => {
  let asked = 0;
  const reader = createRtdbReader(async () => {
    asked += 1;
    throw new Error('no credentials');
  }, undefined);
  for (const maxBytes of [4, 64]) {
    const glimpse = reader.glimpse(location('my-project', 'firebaseio.com'), { maxBytes });
    expect(await glimpse).toBeNull();
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
  const readerOfStub = () => createRtdbReader(async () => 'owner', rtdb.host);

  test.each([
    [9, { isWhole: true, value: '1234567' }],
    [8, { isWhole: false }],
  ])('by the bytes of its JSON: %d', async (maxBytes, expected) => {
    rtdb.hold(day.path, '1234567');
    expect(await readerOfStub().glimpse(day, { maxBytes })).toEqual(expected);
  });

  test('a leaf is read up to what an event can bring', async () => {
    rtdb.hold(day.path, 'x'.repeat(MAX_LEAF_BYTES));
    expect(await readerOfStub().read(day)).toEqual({ isWhole: false });
    rtdb.hold(day.path, 'x'.repeat(1_000_000));
    expect(await readerOfStub().read(day)).toMatchObject({ isWhole: true });
  });

  test('leaves are read by turns, and each is', async () => {
    rtdb.hold(day.path, true);
    const reader = readerOfStub();
    const readings = await Promise.all(Array.from({ length: 40 }, () => reader.read(day)));
    expect(readings).toEqual(readings.map(() => ({ isWhole: true, value: true })));
  });

  test('the time to wait for a turn counts', async () => {
    rtdb.mode = 'hangs';
    const reader = readerOfStub();
    const glimpses = [1, 2, 3].map(() => reader.glimpse(day, { maxBytes: 3_000_000 }));
    expect(await Promise.all(glimpses)).toEqual([null, null, null]);
  });
});
