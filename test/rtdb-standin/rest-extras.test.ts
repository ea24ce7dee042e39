import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  get,
  onValue,
  orderByChild,
  orderByPriority,
  query,
  ref,
  startAt,
} from '@firebase/database';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { OWNER, type RestCall, rest } from './support/rest';
import { adminSdk, clientSdk, closeSdks, NAMESPACE } from './support/sdk';
import { finished } from './support/stand-in-process';

const RULES = `{
  // Open.
  "rules": {
    ".read": true, ".write": true,
    "q": {".indexOn": ["h"],}, /* and a trailing comma */
  },
}`;

let standin: RtdbStandin;

beforeAll(async () => {
  standin = await startRtdbStandin({ rules: { [NAMESPACE]: RULES } });
});

afterAll(async () => {
  await closeSdks();
  await standin.stop();
});

const LETTERS = { a: 1, b: { c: 2 }, d: 3, e: 4 };

beforeEach(() =>
  rest(standin, '/.json', { method: 'PUT', body: { letters: LETTERS, leaf: 5 }, headers: OWNER }),
);

/** A path as it is, which `fetch` would tidy. */
function raw(method: string, path: string, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: standin.host, port: standin.port, method, path: `${path}?ns=${NAMESPACE}` },
      (response) => response.resume().once('end', () => resolve(response.statusCode ?? 0)),
    );
    call.once('error', reject);
    call.end(body);
  });
}

describe('paths', () => {
  test.each([
    '//daily_quests/a_b/x.json',
    '/daily_quests//a_b///x.json',
    '/daily_quests/a_b/x/.json',
  ])('empty segments of %s are dropped, the keys stay', async (path) => {
    expect(await raw('PUT', path, '1')).toBe(200);
    expect((await rest(standin, '/daily_quests.json')).body).toEqual({ a_b: { x: 1 } });
    expect((await rest(standin, '/a_b.json')).body).toBeNull();
  });

  test('dots are not resolved, they are refused as any key with a dot', async () => {
    expect(await raw('PUT', '/a/../b.json', '1')).toBe(400);
  });

  test('the instance may be the first label of the host', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = { host: `${NAMESPACE}.localhost:${standin.port}` };
      request(
        { host: standin.host, port: standin.port, path: '/leaf.json', headers },
        (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += String(chunk);
          });
          response.once('end', () => resolve(text));
        },
      )
        .once('error', reject)
        .end();
    });
    expect(answer).toBe('5');
  });
});

describe('shallow reads', () => {
  test.each<[string, string[]]>([
    ['limitToFirst=2', ['a', 'b']],
    ['limitToLast=2', ['d', 'e']],
    ['limitToFirst=2&startAfter=b', ['d', 'e']],
    ['limitToFirst=1&startAfter="b"', ['d']],
    ['startAt=b&endAt=d', ['b', 'd']],
    ['startAt=b&endBefore=d', ['b']],
    ['orderBy="$key"&limitToLast=1', ['e']],
  ])('with %s', async (parameters, keys) => {
    const { body } = await rest(standin, `/letters.json?shallow=true&${parameters}`);
    expect(Object.keys(body as object)).toEqual(keys);
  });

  test('of a leaf give the leaf, whatever the limit', async () => {
    expect((await rest(standin, '/leaf.json?shallow=true&limitToFirst=1')).body).toBe(5);
  });
});

describe('PATCH', () => {
  test('of null removes all there is, as `firebase database:remove` asks', async () => {
    const path = '/letters.json?print=silent&writeSizeLimit=tiny';
    expect((await rest(standin, path, { method: 'PATCH', body: null })).status).toBe(204);
    expect((await rest(standin, '/.json')).body).toEqual({ leaf: 5 });
  });

  test('`firebase database:remove` and `database:get` work by the name of the host', async () => {
    await rest(standin, '/other.json', { method: 'PUT', body: { a: { b: 1 } }, headers: OWNER });
    const [got, ...removed] = await Promise.all([
      firebase('database:get', '/letters', '--shallow'),
      firebase('database:remove', '/leaf', '--force'),
      firebase('database:remove', '/other', '--force'),
    ]);
    const shallow = '{"a":true,"b":true,"d":true,"e":true}';
    expect([got.code, got.stdout]).toEqual([0, expect.stringContaining(shallow)]);
    for (const { code, stdout } of removed) {
      expect([code, stdout]).toEqual([0, expect.stringContaining('Data removed successfully')]);
    }
    expect((await rest(standin, '/.json')).body).toEqual({ letters: LETTERS });
  }, 60_000);
});

/** No name is asked of the network; those below localhost lead to this machine, as on most. */
const LOCALHOST_ONLY = `
const dns = require('node:dns');
const { lookup } = dns;
dns.lookup = (name, options, done) => {
  if (name.endsWith('.localhost')) return lookup('127.0.0.1', options, done);
  const callback = typeof options === 'function' ? options : done;
  process.nextTick(callback, Object.assign(new Error('offline'), { code: 'ENOTFOUND' }));
};`;

/** The CLI, with a yes to its question whether it may work on an emulator. */
async function firebase(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'firebase-cli-'));
  const preload = join(folder, 'localhost.cjs');
  writeFileSync(preload, LOCALHOST_ONLY);
  try {
    const bin = require.resolve('firebase-tools/lib/bin/firebase.js');
    const where = ['--project', 'demo-quests', '--instance', NAMESPACE];
    const child = spawn(process.execPath, ['--require', preload, bin, ...args, ...where], {
      cwd: folder,
      env: {
        ...{ PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: folder, CI: 'true' },
        ...{ NO_UPDATE_NOTIFIER: '1', FIREBASE_TOKEN: 'none' },
        FIREBASE_DATABASE_EMULATOR_HOST: `${NAMESPACE}.localhost:${standin.port}`,
      },
    });
    child.stdin.end('y\n');
    return await finished(child);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('REST, beyond the common', () => {
  test('a GET of what is known already is 304', async () => {
    const first = await rest(standin, '/leaf.json', { headers: { 'X-Firebase-ETag': 'true' } });
    const etag = String(first.headers.get('etag'));
    const again = await rest(standin, '/leaf.json', { headers: { 'if-none-match': etag } });
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, undefined, etag]);
    await rest(standin, '/leaf.json', { method: 'PUT', body: 6 });
    const later = await rest(standin, '/leaf.json', { headers: { 'if-none-match': etag } });
    expect([later.status, later.body]).toEqual([200, 6]);
  });

  test('the method may be overridden in the query', async () => {
    const path = '/leaf.json?x-http-method-override=PATCH';
    await rest(standin, path, { method: 'POST', body: { a: 1 } });
    expect((await rest(standin, '/leaf.json')).body).toEqual({ a: 1 });
  });

  test('a priority has a path of its own', async () => {
    const put: RestCall = { method: 'PUT', body: 'p' };
    expect((await rest(standin, '/leaf/.priority.json', put)).body).toBe('p');
    expect((await rest(standin, '/leaf/.priority.json')).body).toBe('p');
    expect((await rest(standin, '/leaf.json')).body).toBe(5);
    await rest(standin, '/leaf/.priority.json', { method: 'DELETE' });
    expect((await rest(standin, '/leaf.json?format=export')).body).toBe(5);
  });

  test('JSONP calls the function', async () => {
    const url = `http://${standin.address}/letters/b.json?callback=app.got&ns=${NAMESPACE}`;
    const response = await fetch(url);
    expect(await response.text()).toBe('app.got({"c":2});');
    expect(response.headers.get('content-type')).toMatch('application/javascript');
    const refused = await rest(standin, '/leaf.json?callback=alert(1)');
    expect(refused.status).toBe(400);
  });

  test('rules with comments are JSON for getRulesJSON() of firebase-admin', async () => {
    const strict = await rest(standin, '/.settings/rules.json?format=strict', { headers: OWNER });
    expect(strict.body).toEqual({
      rules: { '.read': true, '.write': true, q: { '.indexOn': ['h'] } },
    });
  });

  test.each<[string, boolean, unknown]>([
    ['as an export with priorities', true, { '.value': 2, '.priority': 'p' }],
    ['plainly without, from first to last', false, 2],
  ])('a stream tells values %s', async (_, isExport, expected) => {
    await rest(standin, '/letters/a/.priority.json', { method: 'PUT', body: 'p' });
    const abort = new AbortController();
    const format = isExport ? '&format=export' : '';
    const url = `http://${standin.address}/letters/a.json?ns=${NAMESPACE}${format}`;
    const headers = { Accept: 'text/event-stream' };
    const response = await fetch(url, { headers, signal: abort.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async (): Promise<unknown> =>
      JSON.parse(/data: (.*)\n/.exec((await reader?.read())?.value ?? '')?.[1] ?? 'null').data;
    const first = await next();
    expect(first).toEqual(isExport ? { '.value': 1, '.priority': 'p' } : 1);
    const body = { '.value': 2, '.priority': 'p' };
    await rest(standin, '/letters/a.json', { method: 'PUT', body });
    expect(await next()).toEqual(expected);
    abort.abort();
  });
});

describe('the SDKs, as the service answers them', () => {
  test('get() of a query without its index is refused, a listener is warned', async () => {
    const db = clientSdk(standin);
    const unindexed = query(ref(db, 'letters'), orderByChild('h'), startAt(2));
    await expect(get(unindexed)).rejects.toThrow(
      'Index not defined, add ".indexOn": "h", for path "/letters", to the rules',
    );
    await expect(adminSdk(standin).ref('letters').orderByChild('h').get()).rejects.toThrow(
      'Index not defined',
    );
    const heard = await new Promise((resolve) =>
      onValue(unindexed, (found) => resolve(found.val())),
    );
    expect(heard).toBeNull();
  });

  test('get() of an indexed query, or one that needs no index, is answered', async () => {
    const db = clientSdk(standin);
    expect((await get(query(ref(db, 'q'), orderByChild('h')))).val()).toBeNull();
    const letters = query(ref(db, 'letters'), orderByPriority());
    expect((await get(letters)).val()).toEqual(LETTERS);
  });

  test('a write of more than 16 MB is refused, and the connection lives', async () => {
    const db = adminSdk(standin);
    const half = 'x'.repeat(9 * 1024 * 1024);
    await expect(db.ref('big').set({ a: half, b: half })).rejects.toThrow(/write_too_big/i);
    expect((await db.ref('big').get()).exists()).toBe(false);
    await db.ref('big').set({ a: half });
    expect((await db.ref('big/a').get()).val()).toHaveLength(half.length);
  });
});

describe('rules files', () => {
  const load = (text: string) =>
    rest(standin, '/.settings/rules.json', { method: 'PUT', text, headers: OWNER });

  afterEach(() => load(RULES));

  test.each<[string, string]>([
    ['a line break inside a string', '{"rules":{".read":"auth != null &&\n true"}}'],
    ['lines that tabs indent, of Windows', '{"rules":{".read":"auth != null &&\r\n\t\ttrue"}}'],
    [
      'comments, a mark of the encoding, trailing commas',
      '\ufeff{/* a */"rules":{".read":true,} // b\n,}',
    ],
  ])('may have %s', async (_, text) => {
    const { status, body } = await load(text);
    expect([status, body]).toEqual([200, { status: 'ok' }]);
  });

  test.each<[string, string, string]>([
    ['a missing colon', '{\n"rules": {\n".read" true}}', 'Line 3, column 9: Expected ":"'],
    ['a key twice', '{"rules":{".read":true,\n".read":false}}', "'.read' occurs multiple"],
    [
      'a rule that does not compile',
      '{"rules":{"a":{\n".read":"auth.uid ="}}}',
      'Line 2: a/.read: Unexpected end',
    ],
  ])('are refused for %s, with line and reason', async (_, text, reason) => {
    const { status, body } = await load(text);
    expect([status, JSON.stringify(body)]).toEqual([
      400,
      expect.stringContaining(JSON.stringify(reason).slice(1, -1)),
    ]);
  });
});
