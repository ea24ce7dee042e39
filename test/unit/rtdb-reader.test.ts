import { createRtdbReader } from '../../functions/src/rtdb/rtdb-reader';

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
  for (const time of ['t1', 't2']) {
    expect(await reader.glimpse(location('my-project', 'firebaseio.com'), time)).toBeUndefined();
  }
  expect(asked).toBe(1);
});
