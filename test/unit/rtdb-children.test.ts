import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { childrenOf, pagesOfKeys } from '../../functions/src/rtdb/rtdb-children';
import { type RtdbAccess, readRtdb } from '../../functions/src/rtdb/rtdb-client';
import { newUsage } from '../../functions/src/rtdb/rtdb-transport';
import { compareRtdbKeys, REFUSED_IN_KEY } from '../../functions/src/values/rtdb-key';
import { compareKeys } from '../../rtdb-standin/data/key';
import { NASTY_KEYS } from '../support/nasty-keys';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const NAMESPACE = 'demo-quests-default-rtdb';

function accessTo(address: string): RtdbAccess {
  return {
    database: { origin: `http://${address}`, namespace: NAMESPACE, instance: NAMESPACE },
    accessToken: () => Promise.reject(new Error('asked')),
    firstPauseMs: 1,
  };
}

async function allOf(pages: AsyncIterable<string[]>): Promise<string[][]> {
  const all: string[][] = [];
  for await (const page of pages) all.push(page);
  return all;
}

describe('on the stand-in', () => {
  let rtdb: StandinTree;
  let access: RtdbAccess;
  beforeAll(async () => {
    rtdb = await startStandinTree();
    access = accessTo(rtdb.standin.address);
  });
  afterAll(() => rtdb?.standin.stop());

  const couples = Array.from({ length: 25 }, (_, n) => `user:${n}_user-${n * 7}`);

  test.each<[string, string[]]>([
    ['couples', couples],
    ['integers, which sort as numbers', ['2', '10', '-5', '007', '99999999999', 'a', '1']],
    [
      'keys that somebody mangles',
      Object.values(NASTY_KEYS).filter((key) => !REFUSED_IN_KEY.test(key)),
    ],
    ['one page exactly', ['a', 'b', 'c', 'd']],
    ['nothing', []],
  ])('all keys of a node are listed, each once: %s', async (_case, keys) => {
    await rtdb.rest.set(['node'], Object.fromEntries(keys.map((key) => [key, { x: 1 }])));
    const pages = await allOf(pagesOfKeys(access, ['node'], 4));
    expect(pages.flat().sort()).toEqual([...keys].sort());
    expect(Math.max(0, ...pages.map((page) => page.length))).toBeLessThanOrEqual(4);
  });

  test('a leaf has no keys and no children', async () => {
    await rtdb.rest.set(['node'], 'text');
    expect(await allOf(pagesOfKeys(access, ['node']))).toEqual([]);
    expect(await childrenOf(access, ['node'], {})).toEqual(new Map());
  });

  test('children come by ranges of keys, in RTDB’s order', async () => {
    await rtdb.rest.set(['node'], { b: 2, a: 1, c: { d: [true] }, 10: 'ten', 9: 'nine' });
    const keysIn = async (range: Parameters<typeof childrenOf>[2]) => [
      ...((await childrenOf(access, ['node'], range)) ?? []),
    ];
    expect(await keysIn({ most: 3 })).toEqual([
      ['9', 'nine'],
      ['10', 'ten'],
      ['a', 1],
    ]);
    expect(await keysIn({ after: 'a', most: 1 })).toEqual([['b', 2]]);
    expect(await keysIn({ from: 'b', to: 'c' })).toEqual([
      ['b', 2],
      ['c', { d: [true] }],
    ]);
    expect(await keysIn({ from: 'x' })).toEqual([]);
  });

  test('a list is a node like others', async () => {
    await rtdb.rest.set(['node'], ['a', 'b', null, 'd']);
    const children = await childrenOf(access, ['node'], {});
    expect(children && [...children]).toEqual([
      ['0', 'a'],
      ['1', 'b'],
      ['3', 'd'],
    ]);
  });

  test('more than the bound is not read', async () => {
    await rtdb.rest.set(['node'], { a: 'x'.repeat(100), b: 'x'.repeat(100) });
    expect(await childrenOf(access, ['node'], {}, 150)).toBeNull();
    expect(await childrenOf(access, ['node'], { most: 1 }, 150)).toHaveProperty('size', 1);
  });
});

describe('where a server doesn’t page its keys', () => {
  const KEYS = Array.from({ length: 3_000 }, (_, n) => `key "${n}" ü`.padEnd(60, '.')).sort();
  type Answer = (query: URLSearchParams) => { status?: number; body: string };
  const all = (): string => JSON.stringify(Object.fromEntries(KEYS.map((key) => [key, true])));
  const some = (count: string | null): string =>
    JSON.stringify(Object.fromEntries(KEYS.slice(0, Number(count)).map((key) => [key, true])));

  async function keysFrom(answer: Answer): Promise<string[][]> {
    const server = createServer((request, response) => {
      const { status = 200, body } = answer(new URL(request.url ?? '', 'http://x').searchParams);
      response.writeHead(status);
      // By odd pieces, in the middle of a character too.
      const bytes = Buffer.from(body);
      for (let at = 0; at < bytes.length; at += 1_001)
        response.write(bytes.subarray(at, at + 1_001));
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      return await allOf(pagesOfKeys(accessTo(`127.0.0.1:${port}`), ['node'], 1_000));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test.each<[string, Answer]>([
    [
      'it refuses filters, as the reference says',
      (query) =>
        query.has('limitToFirst') ? { status: 400, body: '{"error":"no"}' } : { body: all() },
    ],
    ['it ignores filters', () => ({ body: all() })],
    [
      'it ignores where to go on',
      (query) => ({ body: query.has('limitToFirst') ? some(query.get('limitToFirst')) : all() }),
    ],
    [
      'it goes on after the end',
      (query) => {
        if (query.has('startAfter')) return { body: 'null' };
        return { body: query.has('limitToFirst') ? some(query.get('limitToFirst')) : all() };
      },
    ],
  ])('%s', async (_case, answer) => {
    const pages = await keysFrom(answer);
    expect(pages.flat()).toEqual(KEYS);
    expect(pages.map((page) => page.length)).toEqual([1_000, 1_000, 1_000]);
  });

  test.each([
    ['is cut off', all().slice(0, -100)],
    ['ends before its bracket', all().slice(0, -1)],
    ['holds more than keys', '{"a":true,"b":{"c":1},"d":true}'],
    ['is no JSON', '<html>'],
    ['is empty', ''],
  ])('an answer that %s is no list', async (_case, body) => {
    const asked = keysFrom((query) =>
      query.has('limitToFirst') ? { status: 400, body: '{}' } : { body },
    );
    await expect(asked).rejects.toThrow('not whole JSON');
  });
});

test('what requests cost is added up: compressed as it came, and decompressed', async () => {
  const body = JSON.stringify('x'.repeat(100_000));
  const zipped = gzipSync(body);
  const server = createServer(({ headers }, response) => {
    const isAsked = headers['accept-encoding'] === 'gzip';
    response.writeHead(200, isAsked ? { 'content-encoding': 'gzip' } : {});
    response.end(isAsked ? zipped : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const usage = newUsage();
  const { port } = server.address() as AddressInfo;
  const access = { ...accessTo(`127.0.0.1:${port}`), usage };
  for (const _ of [1, 2]) expect(await readRtdb(access, { path: ['x'] })).toHaveLength(100_000);
  server.closeAllConnections();
  server.close();
  expect(usage).toMatchObject({ requests: 2, connections: 1, bytes: 2 * body.length });
  expect(usage.wireBytes).toBeGreaterThan(2 * zipped.length + 100);
  expect(usage.wireBytes).toBeLessThan(2 * zipped.length + 1_000);
});

test('a kept connection that the server closes at its next use is opened again', async () => {
  const used = new WeakSet<object>();
  let connections = 0;
  const server = createServer(({ socket }, response) => {
    if (used.has(socket)) return void socket.destroy();
    used.add(socket);
    connections += 1;
    response.end('1');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const access = { ...accessTo(`127.0.0.1:${port}`), tries: 1 };
  for (const _ of [1, 2, 3]) expect(await readRtdb(access, { path: ['x'] })).toBe(1);
  server.closeAllConnections();
  server.close();
  expect(connections).toBe(3);
});

test('keys are ordered as the stand-in orders them', () => {
  const keys = ['10', '9', '-1', '01', '1', '2147483647', '2147483648', 'a', 'B', '', '-', '1a'];
  expect([...keys].sort(compareRtdbKeys)).toEqual([...keys].sort(compareKeys));
});
