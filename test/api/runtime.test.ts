import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { sendRaw } from '../support/post-raw';
import { type Runtime, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { startTokenMint, type TokenMint } from '../support/tokens';

/** The API as it is deployed: functions-framework in front, HTTP from outside. */

const CLAIM = 'api/sync/daily-quests/completion';
const SUBJECT = 'ann-MARKER-7f3';
const BODY = {
  ...{ quest_id: 'quest_1', user_id: SUBJECT, partner_id: 'bob' },
  timestamp: `${new Date().toISOString().slice(0, 10)}T06:01:00.006`,
};
/** 10,000 for the issue's evidence; fewer each time. */
const FUZZ_REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 400);

let mint: TokenMint;
let database: TestDatabase;
let rtdb: StandinTree;
let runtime: Runtime;
let token: string;

beforeAll(async () => {
  [mint, database, rtdb] = await Promise.all([
    startTokenMint(),
    cloneDatabase(),
    startStandinTree(),
  ]);
  runtime = await startRuntime({
    ...{ target: 'mirrorApi', databaseUrl: database.url, rtdbHost: rtdb.standin.address },
    env: { SUPABASE_JWT_ISSUER: mint.supabaseIssuer },
  });
  token = await mint.supabase(SUBJECT);
});

afterAll(async () => {
  await runtime?.stop();
  await rtdb?.standin.stop();
  await mint?.stop();
  await database?.drop();
});

beforeEach(() => database.query('truncate rtdb.quest_completions'));

const send = (path: string, init: RequestInit = {}) =>
  fetch(`${runtime.url}${path}`, {
    ...init,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      ...init.headers,
    },
  });

const post = (body: unknown, headers: Record<string, string> = {}) =>
  send(CLAIM, { method: 'POST', body: JSON.stringify(body), headers });

const rowCount = async () => (await database.query('select from rtdb.quest_completions')).length;

test('a claim, the validation read, health and the document', async () => {
  expect(await (await post(BODY)).json()).toEqual({ status: 'applied' });
  expect(await (await post(BODY)).json()).toEqual({ status: 'duplicate' });
  const read = await send(
    `api/sync/daily-quests/completions?partner_id=bob&date=${BODY.timestamp.slice(0, 10)}`,
  );
  expect(await read.json()).toMatchObject({
    completions: [{ user_id: SUBJECT }],
    consistent: false,
  });
  expect((await send('api/healthz')).status).toBe(200);
  const document = await (await send('api/openapi.json')).json();
  expect(document).toMatchObject({ openapi: '3.1.0' });
  expect((await send('sync/daily-quests/completion', { method: 'POST', body: '{}' })).status).toBe(
    400,
  );
});

test.each<[string, () => Promise<Response>, number]>([
  ['without a token', () => post(BODY, { authorization: '' }), 401],
  ['of 20 KB', () => post({ ...BODY, note: 'x'.repeat(20_000) }), 413],
  ['of 5 MB', () => post({ ...BODY, note: 'x'.repeat(5_000_000) }), 413],
  ['that is a form', () => post(BODY, { 'content-type': 'text/plain' }), 415],
  ['by PUT', () => send(CLAIM, { method: 'PUT', body: '{}' }), 405],
  ['to nowhere', () => send('api/nowhere'), 404],
])('a request %s', async (_case, request, status) => {
  const response = await request();
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await rowCount()).toBe(0);
});

test('bodies that the platform itself can not read are refused', async () => {
  const cut = send(CLAIM, { method: 'POST', body: '{"quest_id":' });
  const zipped = send(CLAIM, {
    ...{ method: 'POST', body: gzipSync(JSON.stringify(BODY)) },
    headers: { 'content-encoding': 'gzip' },
  });
  for (const response of await Promise.all([cut, zipped])) {
    expect([400, 415]).toContain(response.status);
  }
  expect(await rowCount()).toBe(0);
});

const anything = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.json({ maxDepth: 3 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

const nearlyRight = fc
  .record(
    {
      quest_id: fc.oneof(
        fc.stringMatching(/^quest_[0-9]{1,3}$/),
        fc.string({ unit: 'binary', maxLength: 900 }),
      ),
      user_id: fc.oneof({ weight: 4, arbitrary: fc.constant(SUBJECT) }, fc.string(), fc.integer()),
      partner_id: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('bob', 'a_b', 'Zoë') },
        fc.string({ unit: 'binary' }),
        fc.constant(null),
      ),
      timestamp: fc.oneof(
        { weight: 4, arbitrary: fc.constant(BODY.timestamp) },
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        fc.string(),
      ),
    },
    { requiredKeys: [] },
  )
  .map((body) => JSON.stringify(body));

const anyRequest = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT', 'DELETE', 'HEAD'),
  path: fc.oneof(
    { weight: 3, arbitrary: fc.constant(CLAIM) },
    fc.constantFrom('api/sync/daily-quests/completions?date=2025-11-20', 'api/healthz'),
    fc.webPath().map((path) => path.slice(1)),
    fc.string({ maxLength: 30 }).map((text) => `api/${encodeURIComponent(text)}`),
  ),
  body: fc.oneof(anything, nearlyRight, nearlyRight),
  contentType: fc.constantFrom(
    'application/json',
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
    'text/plain',
    '',
  ),
  encoding: fc.constantFrom('', '', '', 'gzip', 'br', 'rubbish'),
  isValidToken: fc.boolean(),
  badToken: fc.oneof(
    fc.stringMatching(/^[\w~+/.=-]{0,80}$/),
    fc.constant('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.'),
  ),
});

/** Of any kind; and one in ten a claim, which chance alone would hardly ever put together. */
const request = fc.oneof(
  { weight: 9, arbitrary: anyRequest },
  {
    weight: 1,
    arbitrary: fc.record({
      method: fc.constant('POST'),
      path: fc.constant(CLAIM),
      body: fc
        .stringMatching(/^quest_[0-9]{3,9}$/)
        .map((quest_id) => JSON.stringify({ ...BODY, quest_id })),
      contentType: fc.constant('application/json'),
      encoding: fc.constant(''),
      isValidToken: fc.boolean(),
      badToken: fc.constant('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.'),
    }),
  },
);

test(`${FUZZ_REQUESTS} requests of any kind: no 5xx, no crash, no row without a valid token`, async () => {
  const statuses = new Map<number, number>();
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(request, async (one) => {
      const before = await rowCount();
      const hasBody = one.method !== 'GET' && one.method !== 'HEAD';
      const response = await fetch(`${runtime.url}${one.path}`, {
        method: one.method,
        headers: {
          authorization: `Bearer ${one.isValidToken ? token : one.badToken}`,
          ...(one.contentType && { 'content-type': one.contentType }),
          ...(one.encoding && { 'content-encoding': one.encoding }),
        },
        ...(hasBody ? { body: one.body } : {}),
      });
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      expect(response.status).toBeLessThan(500);
      const after = await rowCount();
      if (after > before) {
        accepted += 1;
        expect([one.isValidToken, response.status]).toEqual([true, 200]);
      }
    }),
    { numRuns: FUZZ_REQUESTS },
  );
  // The fuzz reached what it is about: refusals of several kinds, and claims that were taken.
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404, 405, 415]));
  expect(accepted).toBeGreaterThan(0);
  if (process.env.FUZZ_REQUESTS) {
    process.stderr.write(
      `fuzz: ${JSON.stringify({ ...Object.fromEntries(statuses), accepted })}\n`,
    );
  }
  const users = await database.query('select distinct user_id from rtdb.quest_completions');
  expect(users.filter(({ user_id }) => user_id !== SUBJECT)).toEqual([]);
  expect((await send('api/healthz')).status).toBe(200);
}, 600_000);

test('bodies that come slowly, never end or are no HTTP at all hurt nobody', async () => {
  const head = `POST /${CLAIM} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n`;
  const body = JSON.stringify(BODY);
  const slow = [...body].map((character) => character);
  const answers = await Promise.all([
    sendRaw(runtime.port, [`${head}content-length: ${body.length}\r\n\r\n`, ...slow]),
    sendRaw(runtime.port, [`${head}content-length: -1\r\n\r\n`]),
    sendRaw(runtime.port, [`${head}transfer-encoding: chunked\r\n\r\nzz\r\n`]),
    sendRaw(runtime.port, [randomBytes(500)]),
  ]);
  expect(answers[0]).toBe('HTTP/1.1 200 OK');
  for (const answer of answers.slice(1)) expect(answer ?? 'HTTP/1.1 400').toMatch(/ 4\d\d/);
  expect((await send('api/healthz')).status).toBe(200);
});

test('nothing of a request is in the logs', () => {
  const logs = runtime.lines.join('\n');
  expect(logs).toContain('"api_status":200');
  expect(logs).not.toContain('MARKER');
  expect(logs).not.toContain(token);
  expect(logs).not.toContain(new URL(database.url).password || 'no-password');
});
