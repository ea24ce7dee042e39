import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { get, ref, set, update } from '@firebase/database';
import { WebSocket } from 'ws';
import { findFreePort } from '../../local/free-port';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import type { DatabaseEvent } from '../../rtdb-standin/triggers/database-event';
import { Collector } from './support/collector';
import { rest } from './support/rest';
import { adminSdk, clientSdk, closeSdks, NAMESPACE, unsignedJwt } from './support/sdk';
import { printed } from './support/stand-in-process';

/** `constructor`, `__proto__`, `toString`, `hasOwnProperty` …: what every object has. */
const INHERITED = Object.getOwnPropertyNames(Object.prototype);

const RULES = `{"rules": {"open": {".read": true, ".write": true, ".indexOn": ["constructor", "__proto__"]},
  "couples": {"$couple": {".read": "auth.uid === $couple", ".write": "auth.uid === $couple",
    "name": {".validate": "newData.isString()"}, "$other": {".validate": "$other !== 'no'"}}}}}`;

describe('keys that every JavaScript object has', () => {
  let standin: RtdbStandin;
  let events: Collector<DatabaseEvent>;

  beforeAll(async () => {
    standin = await startRtdbStandin({ rules: { [NAMESPACE]: RULES } });
  });

  beforeEach(() => {
    events = new Collector();
  });

  afterAll(async () => {
    await closeSdks();
    await standin.stop();
  });

  const json = (key: string, value: unknown): string =>
    `{${JSON.stringify(key)}:${JSON.stringify(value)}}`;

  test.each(INHERITED)('%s is written and read as any other, by REST', async (key) => {
    const path = `/open/${key}/${key}.json`;
    const text = json(key, { a: true });
    expect((await rest(standin, '/open.json', { method: 'PUT', text: json(key, 1) })).status).toBe(
      200,
    );
    expect(
      (await rest(standin, '/open.json', { method: 'PATCH', text: json(key, 2) })).status,
    ).toBe(200);
    expect(JSON.stringify((await rest(standin, '/open.json')).body)).toBe(json(key, 2));
    await rest(standin, path, { method: 'PUT', text });
    expect(JSON.stringify((await rest(standin, path)).body)).toBe(text);
    const exported = await rest(standin, `${path}?format=export`);
    expect(JSON.stringify(exported.body)).toBe(text);
    const shallow = await rest(standin, '/open.json?shallow=true');
    expect(Object.keys(shallow.body as object)).toEqual([key]);
    const query = `/open.json?orderBy="constructor"&startAt=0`;
    expect((await rest(standin, query)).status).toBe(200);
    await rest(standin, path, { method: 'DELETE' });
    expect((await rest(standin, '/open.json')).body).toBeNull();
  });

  test.each(INHERITED)('%s has the rules of a wildcard, not those of an object', async (key) => {
    const auth = (uid: string): string => `auth=${unsignedJwt({ sub: uid })}`;
    const put = (uid: string) =>
      rest(standin, `/couples/${key}/${key}.json?${auth(uid)}`, { method: 'PUT', body: 1 });
    expect((await put(key)).status).toBe(200);
    expect((await put('mallory')).status).toBe(401);
    expect((await rest(standin, `/couples/${key}.json?${auth(key)}`)).status).toBe(200);
    expect((await rest(standin, `/couples/${key}.json?${auth('mallory')}`)).status).toBe(401);
  });

  test.each(INHERITED)('%s passes through the SDKs', async (key) => {
    // The SDK itself fails on these two inside a value.
    const inside = ['__proto__', 'hasOwnProperty'].includes(key) ? 'a' : key;
    const db = clientSdk(standin, key);
    await set(ref(db, `open/${key}`), { [inside]: 'x' });
    await update(ref(db), { [`open/${key}/b`]: 1 });
    const value = (await get(ref(clientSdk(standin), `open/${key}`))).val();
    expect(value).toEqual({ [inside]: 'x', b: 1 });
    expect((await adminSdk(standin).ref(`open/${key}/b`).get()).val()).toBe(1);
  });

  test.each(INHERITED)('%s comes in data and delta of an event', async (key) => {
    standin.addTrigger({ refPattern: `in-${key}/{id}`, eventTarget: events.add });
    const admin = { method: 'PUT', headers: { Authorization: 'Bearer owner' } };
    await rest(standin, `/in-${key}/${key}.json`, { ...admin, text: json(key, { x: 1 }) });
    await rest(standin, `/in-${key}/${key}.json`, { ...admin, text: json(key, { x: 2 }) });
    const [first, second] = await events.atLeast(2);
    expect([first?.ref, JSON.stringify(first?.data.delta)]).toEqual([
      `in-${key}/${key}`,
      json(key, { x: 1 }),
    ]);
    expect(JSON.stringify(second?.data.data)).toBe(json(key, { x: 1 }));
    expect(JSON.stringify(second?.data.delta)).toBe(json(key, { x: 2 }));
  });
});

describe('what makes no sense', () => {
  let process_: ChildProcess;
  let port: number;
  let output = '';

  beforeAll(async () => {
    port = await findFreePort();
    const main = join(__dirname, '../../rtdb-standin/main.ts');
    process_ = spawn(process.execPath, ['--import', 'tsx', main, '--port', String(port)]);
    process_.stderr?.on('data', (chunk) => {
      output += String(chunk);
    });
    await printed(process_, 'listening');
  });

  afterAll(() => {
    process_.kill('SIGKILL');
  });

  afterEach(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/alive.json?ns=x`);
    expect([answer.status, output]).toEqual([200, '']);
  });

  /** Writes bytes as they are, and waits for the end. */
  const raw = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
      socket.on('data', (chunk) => {
        answer += String(chunk);
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve(answer));
      socket.setTimeout(2_000, () => socket.destroy());
    });

  const http = (line: string, more = ''): string =>
    `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`;
  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';

  test.each<[string, string]>([
    ['no HTTP', '\u0000\u0001 nonsense\r\n\r\n'],
    ['a URL that is a star', http('OPTIONS *')],
    ['a GET of a star', http('GET *')],
    ['a URL that is no URL', http('GET //[x/a.json')],
    ['an absolute URL', http('GET http://[/a.json')],
    ['broken percent-encoding', http('GET /%E0%A4%A.json')],
    ['an origin of Latin-1', http('GET /a.json', 'Origin: \u00e9\r\n')],
    [
      'headers asked for that are none',
      http('OPTIONS /a.json', 'Access-Control-Request-Headers: \u00e9,;\r\n'),
    ],
    ['a WebSocket at a star', http('GET *', upgrade)],
    ['a WebSocket without a key', http('GET /.ws?ns=x', upgrade)],
    ['an upgrade elsewhere', http('GET //[', upgrade)],
    ['long polling without a callback', http('GET /.lp?start=t')],
    ['long polling with a script as callback', http('GET /.lp?start=t&cb=alert(1)')],
    ['long polling of nobody', http('GET /.lp?id=__proto__&pw=x&ser=1')],
    ['a method that is none', http('GET /a.json?x-http-method-override=__proto__')],
    ['JSONP with a script as name', http('GET /a.json?callback=alert(1);')],
    ['an unreadable token', http('GET /a.json', 'Authorization: Bearer e30.bnVsbA.x\r\n')],
    ['a namespace of a prototype', http('GET /a.json?ns=__proto__')],
  ])('%s', async (_, bytes) => {
    await raw(bytes);
  });

  test.each<[string, unknown]>([
    ['a body that is a thousand arrays', '['.repeat(100_000)],
    ['deep JSON', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['a long key', `{"${'k'.repeat(1_000_000)}":1}`],
    ['1e999', '1e999'],
    ['nothing', ''],
  ])('a write of %s', async (_, body) => {
    const url = `http://127.0.0.1:${port}/a.json?ns=x`;
    const answer = await fetch(url, { method: 'PUT', body: String(body) });
    expect(answer.status).toBe(400);
  });

  test.each<[string, string[]]>([
    ['no JSON', ['{']],
    ['null', ['null', '[]', '"x"', '5000000']],
    [
      'messages without what they need',
      ['{}', '{"t":"d"}', '{"t":"d","d":{}}', '{"t":"c","d":{}}'],
    ],
    ['unknown actions', ['{"t":"d","d":{"r":1,"a":"__proto__","b":{}}}']],
    [
      'bodies that are none',
      ['{"t":"d","d":{"r":1,"a":"p","b":null}}', '{"t":"d","d":{"r":1,"a":"q","b":[]}}'],
    ],
    [
      'queries of nonsense',
      ['{"t":"d","d":{"r":1,"a":"q","b":{"p":"/","q":{"i":"a..b","l":-1,"sp":{}}}}}'],
    ],
    ['limits of nonsense', ['{"t":"d","d":{"r":1,"a":"g","b":{"p":"/","q":{"l":-1e999}}}}']],
    [
      'an upgrade that was not asked for',
      ['{"t":"c","d":{"t":"a","d":{}}}', '{"t":"c","d":{"t":"n","d":{}}}'],
    ],
    [
      'deep JSON',
      [`{"t":"d","d":{"r":${'['.repeat(5_000)}${']'.repeat(5_000)},"a":"g","b":{"p":"/"}}}`],
    ],
    [
      'a path without an end',
      [`{"t":"d","d":{"r":1,"a":"p","b":{"p":"${'a/'.repeat(8_000)}","d":1}}}`],
    ],
    ['a token of nonsense', ['{"t":"d","d":{"r":1,"a":"auth","b":{"cred":{"a":1}}}}']],
    ['frames that never end', ['999999', 'a', 'b']],
  ])('a WebSocket with %s', async (_, frames) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/.ws?v=5&ns=x`);
    await new Promise((resolve) => socket.once('message', resolve));
    for (const frame of frames) {
      socket.send(frame);
    }
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.close();
    await ended;
  });
});
