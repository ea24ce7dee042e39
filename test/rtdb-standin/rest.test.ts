import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { OWNER, type RestCall, rest } from './support/rest';
import { NAMESPACE } from './support/sdk';

const RULES = `{
  // Open, with two indexes.
  "rules": {".read": true, ".write": true,
    "users": {".indexOn": ["age", "name/last"]}, "scores": {".indexOn": ".value"}}
}`;

let standin: RtdbStandin;

beforeAll(async () => {
  standin = await startRtdbStandin({ rules: { [NAMESPACE]: RULES } });
});

afterAll(() => standin.stop());

const PEOPLE = {
  ann: { age: 30, name: { last: 'C' } },
  bob: { age: 20, name: { last: 'A' } },
  cid: { age: 40, name: { last: 'B' } },
};

beforeEach(async () => {
  const body = { users: PEOPLE, scores: { a: 3, b: 1, c: 2 }, list: ['x', 'y'], leaf: 5 };
  await rest(standin, '/.json', { method: 'PUT', body, headers: OWNER });
});

type Case = [name: string, path: string, call: RestCall, status: number, body: unknown];

describe('REST answers', () => {
  test.each<Case>([
    ['GET a value', '/leaf.json', {}, 200, 5],
    ['GET what is not there', '/none.json', {}, 200, null],
    ['GET an array', '/list.json', {}, 200, ['x', 'y']],
    ['GET a child of an array', '/list/1.json', {}, 200, 'y'],
    ['GET shallow', '/users.json?shallow=true', {}, 200, { ann: true, bob: true, cid: true }],
    ['GET a leaf shallow', '/leaf.json?shallow=true', {}, 200, 5],
    ['PUT', '/new/a.json', { method: 'PUT', body: { b: null, c: 1 } }, 200, { c: 1 }],
    ['PUT silently', '/new.json?print=silent', { method: 'PUT', body: 1 }, 204, undefined],
    ['PATCH', '/users.json', { method: 'PATCH', body: { 'ann/age': 31 } }, 200, { 'ann/age': 31 }],
    ['DELETE', '/users.json', { method: 'DELETE' }, 200, null],
    [
      'a method override',
      '/leaf.json',
      { method: 'POST', body: 6, headers: { 'X-HTTP-Method-Override': 'PUT' } },
      200,
      6,
    ],
    [
      "a path that is not JSON's",
      '/leaf',
      {},
      404,
      { error: 'Append .json to your request URI to use the REST API.' },
    ],
    [
      'a body that is not JSON',
      '/leaf.json',
      { method: 'PUT', text: '{a' },
      400,
      { error: "Invalid data; couldn't parse JSON object, array, or value." },
    ],
    [
      'a forbidden key in the path',
      '/a$b.json',
      {},
      400,
      { error: 'Invalid path: Invalid token in path' },
    ],
    [
      'a forbidden key in the data',
      '/x.json',
      { method: 'PUT', body: { 'a.b': 1 } },
      400,
      { error: expect.stringContaining('Invalid data') },
    ],
    [
      'a PATCH of no object',
      '/x.json',
      { method: 'PATCH', body: 5 },
      400,
      { error: expect.stringContaining('Invalid data') },
    ],
    [
      'a PATCH of a path and its ancestor',
      '/x.json',
      { method: 'PATCH', body: { a: {}, 'a/b': 1 } },
      400,
      { error: expect.stringContaining('ancestor') },
    ],
    [
      'filters without orderBy',
      '/users.json?limitToFirst=1',
      {},
      400,
      { error: 'orderBy must be defined when other query parameters are defined' },
    ],
    [
      'an index that the rules lack',
      '/users.json?orderBy="height"',
      {},
      400,
      { error: 'Index not defined, add ".indexOn": "height", for path "/users", to the rules' },
    ],
    ['an unreadable token', '/leaf.json?auth=x', {}, 401, { error: 'Could not parse auth token.' }],
    [
      'settings without the owner',
      '/.settings/rules.json',
      {},
      401,
      { error: 'Permission denied' },
    ],
    [
      'rules that do not parse',
      '/.settings/rules.json',
      { method: 'PUT', text: '{', headers: OWNER },
      400,
      { error: expect.stringContaining('Parse error') },
    ],
    [
      'rules that do not compile',
      '/.settings/rules.json',
      { method: 'PUT', body: { rules: { '.read': 'nonsense(' } }, headers: OWNER },
      400,
      { error: expect.any(String) },
    ],
  ])('%s', async (_, path, call, status, body) => {
    const answer = await rest(standin, path, call);
    expect({ status: answer.status, body: answer.body }).toEqual({ status, body });
  });

  test('POST makes a key in order', async () => {
    const names: string[] = [];
    for (const body of [1, 2, 3]) {
      const answer = await rest(standin, '/queue.json', { method: 'POST', body });
      names.push((answer.body as { name: string }).name);
    }
    expect(names).toEqual([...names].sort());
    expect((await rest(standin, `/queue/${names[1]}.json`)).body).toBe(2);
  });

  test('pretty is indented', async () => {
    const url = `http://${standin.address}/list.json?print=pretty&ns=${NAMESPACE}`;
    expect(await (await fetch(url)).text()).toBe('[\n  "x",\n  "y"\n]');
  });

  test('a percent-encoded key is decoded once', async () => {
    const key = 'a%41 ü"';
    await rest(standin, `/k/${encodeURIComponent(key)}.json`, { method: 'PUT', body: 1 });
    expect((await rest(standin, '/k.json')).body).toEqual({ [key]: 1 });
  });

  test('an export has priorities, a plain read has none', async () => {
    const body = { a: { '.value': 1, '.priority': 'p' } };
    await rest(standin, '/p.json', { method: 'PUT', body });
    expect((await rest(standin, '/p.json?format=export')).body).toEqual(body);
    expect((await rest(standin, '/p.json')).body).toEqual({ a: 1 });
  });

  test('firebase-tools finds the databases and looks whether they are empty', async () => {
    const databases = await rest(standin, '/.inspect/databases.json', { headers: OWNER });
    expect(databases.body).toEqual([{ name: NAMESPACE }]);
    const probe = await rest(standin, '/.json?shallow=true&limitToFirst=1', { headers: OWNER });
    expect(probe.body).not.toBeNull();
  });

  test('a 2 MB value comes back whole', async () => {
    const body = { text: 'é'.repeat(1_000_000) };
    await rest(standin, '/big.json?print=silent', { method: 'PUT', body });
    expect((await rest(standin, '/big.json')).body).toEqual(body);
  });
});

describe('REST queries', () => {
  test.each<[string, string[]]>([
    ['orderBy="$key"&startAt="bob"', ['bob', 'cid']],
    ['orderBy="$key"&startAfter="bob"', ['cid']],
    ['orderBy="$key"&endBefore="bob"', ['ann']],
    ['orderBy="$key"&limitToLast=1', ['cid']],
    ['orderBy="age"&limitToFirst=2', ['ann', 'bob']],
    ['orderBy="age"&startAt=30', ['ann', 'cid']],
    ['orderBy="age"&endAt=30', ['ann', 'bob']],
    ['orderBy="age"&equalTo=40', ['cid']],
    ['orderBy="name/last"&limitToLast=2', ['ann', 'cid']],
  ])('%s', async (parameters, keys) => {
    const { body } = await rest(standin, `/users.json?${parameters}`);
    expect(Object.keys(body as object).sort()).toEqual(keys);
  });

  test('orderBy="$value"', async () => {
    const { body } = await rest(standin, '/scores.json?orderBy="$value"&limitToFirst=2');
    expect(body).toEqual({ b: 1, c: 2 });
  });
});

describe('ETags', () => {
  const withEtag = { 'X-Firebase-ETag': 'true' };

  test('a conditional write succeeds once', async () => {
    const etag = (await rest(standin, '/leaf.json', { headers: withEtag })).headers.get('etag');
    const call = { method: 'PUT', body: 6, headers: { 'if-match': String(etag) } };
    expect((await rest(standin, '/leaf.json', call)).status).toBe(200);
    const again = await rest(standin, '/leaf.json', call);
    expect([again.status, again.body]).toEqual([412, 6]);
    expect(again.headers.get('etag')).not.toBe(etag);
  });

  test('null_etag creates only', async () => {
    const call = { method: 'PUT', body: 1, headers: { 'if-match': 'null_etag' } };
    expect((await rest(standin, '/fresh.json', call)).status).toBe(200);
    expect((await rest(standin, '/fresh.json', call)).status).toBe(412);
  });

  test('PATCH refuses if-match', async () => {
    const call = { method: 'PATCH', body: { a: 1 }, headers: { 'if-match': 'null_etag' } };
    expect((await rest(standin, '/fresh.json', call)).status).toBe(400);
  });
});

describe('streaming', () => {
  test('sends the value, then puts and patches', async () => {
    const abort = new AbortController();
    const url = `http://${standin.address}/users.json?ns=${NAMESPACE}`;
    const headers = { Accept: 'text/event-stream' };
    const response = await fetch(url, { headers, signal: abort.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async (): Promise<unknown> => {
      const [, event, data] =
        /event: (.*)\ndata: (.*)\n/.exec((await reader?.read())?.value ?? '') ?? [];
      return [event, JSON.parse(data ?? 'null')];
    };
    expect(await next()).toEqual(['put', { path: '/', data: PEOPLE }]);
    await rest(standin, '/users/ann/age.json', { method: 'PUT', body: 31 });
    expect(await next()).toEqual(['put', { path: '/ann/age', data: 31 }]);
    await rest(standin, '/users.json', { method: 'PATCH', body: { ann: null, dan: 1 } });
    expect(await next()).toEqual(['patch', { path: '/', data: { ann: null, dan: 1 } }]);
    abort.abort();
  });
});
