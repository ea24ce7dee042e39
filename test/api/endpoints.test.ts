import { setTimeout as delay } from 'node:timers/promises';
import type { Hono } from 'hono';
import { createApi } from '../../functions/src/api/app';
import { createTokenVerifier } from '../../functions/src/api/token-verifier';
import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { CANARY_COUPLE } from '../../functions/src/paths/quest-completions/canary-couple';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { TestDatabase } from '../support/database';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { createRoleLogin, type RoleLogin } from '../support/role-login';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { PROJECT, startTokenMint, type TokenMint } from '../support/tokens';

const CLAIM = '/api/sync/daily-quests/completion';
const READ = '/api/sync/daily-quests/completions';
const DAY_MS = 86_400_000;
const dayFromNow = (days: number) =>
  new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
// Claims are of these days.
const DATE = dayFromNow(0);
const BODY = {
  quest_id: 'quest_1',
  user_id: 'ann',
  partner_id: 'bob',
  timestamp: `${DATE}T06:01:00.006`,
};

let mint: TokenMint;
/** As a team has it that gives the API a secret of its own. */
let login: RoleLogin;
let database: TestDatabase;
let rtdb: StandinTree;
let mirror: TestMirror;
let connections: Connections;
let app: Hono;

beforeAll(async () => {
  [mint, login] = await Promise.all([startTokenMint(), createRoleLogin('quest_mirror_api')]);
});

afterAll(() => Promise.all([mint.stop(), login.drop()]));

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  mirror = mirrorOn(database.url, (path) => rtdb.rest.get(path.split('/')));
  connections = new Connections(clientConfig(login.at(database.url)), 2);
  app = appOn(connections);
});

afterEach(async () => {
  await mirror.store.close();
  await connections.close();
  await rtdb.standin.stop();
});

const appOn = (statements: Pick<Connections, 'run'>, tree = rtdb.days) =>
  createApi({
    ...{ statements, rtdb: tree, retentionDays: 0, prepareEvaluation },
    verifyToken: createTokenVerifier({
      projectId: PROJECT,
      firebaseKeysUrl: mint.keysUrl,
      ...{ tenant: null, supabaseIssuer: null, supabaseSecret: null, acceptsUnsigned: false },
    }),
  });

const bearer = async (subject: string) => ({
  authorization: `Bearer ${await mint.firebase(subject)}`,
});

const post = async (
  body: unknown,
  headers: Record<string, string | undefined> = {},
  subject = 'ann',
) => {
  const all = { 'content-type': 'application/json', ...(await bearer(subject)), ...headers };
  const given = Object.entries(all).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return app.request(CLAIM, {
    method: 'POST',
    headers: Object.fromEntries(given),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
};

const rows = () =>
  database.query(
    `select couple_id, date_key::text, quest_id, user_id, partner_id, payload, origin,
       event_time = '-infinity' as is_unversioned,
       client_claimed_at is not null as is_claimed, deleted_at is not null as is_tombstone
     from rtdb.quest_completions`,
  );

const path = (user = 'ann', quest = 'quest_1') => [
  ...['daily_quests', 'ann_bob', DATE],
  ...['completions', quest, user],
];

const event = (id: string, after: unknown, before: unknown = null) =>
  mirror.mirror({
    ...writeOf({ id, ref: path().join('/'), time: `${DATE}T06:01:0${id.slice(1)}Z` }),
    ...{ before, after },
  });

describe('a claim', () => {
  test('makes a row where none is, and is a duplicate from then on', async () => {
    const first = await post(BODY);
    expect([first.status, await first.json()]).toEqual([200, { status: 'applied' }]);
    const again = await post(BODY);
    expect([again.status, await again.json()]).toEqual([200, { status: 'duplicate' }]);
    expect(await rows()).toEqual([
      {
        ...{ couple_id: 'ann_bob', date_key: DATE, quest_id: 'quest_1', user_id: 'ann' },
        ...{ partner_id: 'bob', payload: true, origin: 'client', is_unversioned: true },
        ...{ is_claimed: true, is_tombstone: false },
      },
    ]);
    expect(await database.query('select from mirror.direct_writes')).toEqual([]);
  });

  test('twenty at once make one row', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(BODY)));
    const said = await Promise.all(
      answers.map(async (one) => ((await one.json()) as { status: string }).status),
    );
    expect(said.filter((status) => status === 'applied')).toHaveLength(1);
    expect(said.filter((status) => status === 'duplicate')).toHaveLength(19);
    expect(await rows()).toHaveLength(1);
  });

  test("never overrides RTDB's word: only its time is noted", async () => {
    await event('e1', 1763618460000);
    expect(await (await post(BODY)).json()).toEqual({ status: 'duplicate' });
    expect(await rows()).toMatchObject([
      { payload: 1763618460000, origin: 'rtdb', is_claimed: true },
    ]);
    await event('e2', null, 1763618460000);
    await post(BODY);
    expect(await rows()).toMatchObject([{ payload: null, is_tombstone: true, is_claimed: true }]);
  });

  test('gives way to any event that comes later, which misses nothing', async () => {
    await post(BODY);
    await event('e1', 1763618460000);
    expect(await rows()).toMatchObject([
      { payload: 1763618460000, origin: 'rtdb', is_unversioned: false, is_claimed: true },
    ]);
    expect(await database.query('select from mirror.divergence_log')).toEqual([]);
  });

  test('sorts the couple, whoever claims', async () => {
    await post({ ...BODY, user_id: 'bob', partner_id: 'ann' }, {}, 'bob');
    expect(await rows()).toMatchObject([
      { couple_id: 'ann_bob', user_id: 'bob', partner_id: 'ann' },
    ]);
  });

  test.each([
    ['T06:01:00.006', '06:01:00'],
    ['T23:30:00+05:30', '18:00:00'],
    [' 06:01:00Z', '06:01:00'],
  ])('of %s is of the day that it names', async (time, completedAt) => {
    const date = dayFromNow(-1);
    const timestamp = `${date}${time}`;
    expect((await post({ ...BODY, timestamp })).status).toBe(200);
    const [row] = await database.query(
      `select date_key::text, to_char(completed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as at
       from rtdb.quest_completions`,
    );
    expect(row).toEqual({ date_key: date, at: `${date} ${completedAt}` });
  });

  test('ids may hold what ids hold: underscores, colons, 160 characters', async () => {
    const token = `${'f'.repeat(22)}:APA91b${'_x-'.repeat(44)}`;
    const body = { ...BODY, user_id: token, partner_id: 'a_b' };
    expect((await post(body, {}, token)).status).toBe(200);
    expect(await rows()).toMatchObject([{ user_id: token, partner_id: 'a_b' }]);
  });

  test('a couple that names nobody else is claimed for, and read, with an empty partner', async () => {
    const body = { ...BODY, partner_id: '' };
    expect((await post(body)).status).toBe(200);
    expect(await rows()).toMatchObject([{ couple_id: '_ann', user_id: 'ann', partner_id: null }]);
    const read = await app.request(`${READ}?partner_id=&date=${BODY.timestamp.slice(0, 10)}`, {
      headers: await bearer('ann'),
    });
    expect(await read.json()).toMatchObject({ completions: [{ user_id: 'ann' }] });
  });
});

test.each<[string, unknown, string]>([
  ['no body', '', 'body'],
  ['no JSON', '{"quest_id":', 'body'],
  ['a list', [BODY], 'body'],
  ['null', null, 'body'],
  ['a missing field', { ...BODY, quest_id: undefined }, 'quest_id'],
  ['a number as an id', { ...BODY, partner_id: 7 }, 'partner_id'],
  ['an empty id', { ...BODY, quest_id: '' }, 'quest_id'],
  ['a slash in an id', { ...BODY, quest_id: 'a/b' }, 'quest_id'],
  ['a dot in an id', { ...BODY, partner_id: 'a.b' }, 'partner_id'],
  ['U+0000 in an id', { ...BODY, quest_id: 'a\u0000b' }, 'quest_id'],
  [
    'a lone surrogate in an id',
    '{"quest_id":"\\ud800","user_id":"ann","partner_id":"bob","timestamp":"x"}',
    'quest_id',
  ],
  ['an id of 769 bytes', { ...BODY, quest_id: 'q'.repeat(769) }, 'quest_id'],
  ['a couple of over 768 bytes', { ...BODY, partner_id: 'p'.repeat(766) }, 'partner_id'],
  ['a date that no calendar has', { ...BODY, timestamp: '2025-02-30T06:01:00' }, 'timestamp'],
  ['a date alone', { ...BODY, timestamp: DATE }, 'timestamp'],
  ['words for a time', { ...BODY, timestamp: 'yesterday' }, 'timestamp'],
  ['a number for a time', { ...BODY, timestamp: 1763618460000 }, 'timestamp'],
])('%s is a 400 that names the field', async (_case, body, field) => {
  const response = await post(body);
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const said = (await response.json()) as { status: number; errors: { field: string }[] };
  expect(said.status).toBe(400);
  expect(said.errors.map((error) => error.field)).toContain(field);
  expect(await rows()).toEqual([]);
});

test.each<[number, string, Record<string, string | undefined>]>([
  [401, 'no token', { authorization: undefined }],
  [401, 'another scheme', { authorization: 'Basic YW5uOmFubg==' }],
  [401, 'rubbish', { authorization: 'Bearer rubbish' }],
  [401, 'two tokens', { authorization: 'Bearer a.b.c d.e.f' }],
  [415, 'a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  [415, 'no type', { 'content-type': undefined }],
  [415, 'compressed', { 'content-encoding': 'gzip' }],
])('%i for %s', async (status, _case, headers) => {
  const response = await post(BODY, headers);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ type: 'about:blank', status });
  expect(await rows()).toEqual([]);
});

test("403 where the token's subject is not user_id", async () => {
  expect((await post(BODY, {}, 'bob')).status).toBe(403);
  expect((await post(BODY, {}, 'eve')).status).toBe(403);
  expect(await rows()).toEqual([]);
});

test('413 for more than 16 KiB', async () => {
  expect((await post({ ...BODY, note: 'x'.repeat(16 * 1024) })).status).toBe(413);
  expect((await post({ ...BODY, note: 'x'.repeat(15 * 1024) })).status).toBe(200);
});

test('405 says which method is expected, and 404 what there is not', async () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const response = await app.request(CLAIM, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  }
  expect((await app.request(READ, { method: 'POST' })).headers.get('allow')).toBe('GET');
  for (const unknown of ['/', '/api', '/api/sync', '/api/sync/daily-quests/completion/x', '/etc']) {
    expect((await app.request(unknown)).status).toBe(404);
  }
});

test("the function's own URL leaves /api out", async () => {
  const headers = { 'content-type': 'application/json', ...(await bearer('ann')) };
  const response = await app.request('/sync/daily-quests/completion', {
    ...{ method: 'POST', headers, body: JSON.stringify(BODY) },
  });
  expect(response.status).toBe(200);
});

describe('while Postgres', () => {
  test.each<[string, () => Promise<unknown[]>]>([
    ['is away', () => Promise.reject(new Error('connection refused'))],
    ['hangs', () => new Promise(() => {})],
  ])('%s, everything answers 503 within three seconds', async (_case, run) => {
    app = appOn({ run });
    const startedAt = performance.now();
    const answers = await Promise.all([
      post(BODY),
      app.request(`${READ}?partner_id=bob&date=${DATE}`, { headers: await bearer('ann') }),
      app.request('/api/healthz'),
    ]);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    for (const response of answers) {
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('30');
      expect(await response.json()).toEqual({
        ...{ type: 'about:blank', title: 'Service Unavailable', status: 503 },
      });
    }
  });

  test("hangs, and so nearly does the token's issuer, the answer still comes in time", async () => {
    // Each alone is within its own limit; one after the other they would not be.
    app = appOn({ run: () => new Promise(() => {}) });
    mint.delayMs = 1_200;
    try {
      const startedAt = performance.now();
      expect((await post(BODY)).status).toBe(503);
      expect(performance.now() - startedAt).toBeLessThan(3_000);
    } finally {
      mint.delayMs = 0;
    }
  });

  test('holds the row for somebody else, a claim is a 503', async () => {
    await event('e1', true);
    const client = await database.pool.connect();
    try {
      await client.query('begin; select from rtdb.quest_completions for update');
      expect((await post(BODY)).status).toBe(503);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  test('refuses the row for good, a claim is a 400', async () => {
    await database.query(
      `alter table rtdb.quest_completions add constraint no_quiz check (quest_id <> 'quest_1')`,
    );
    expect((await post(BODY)).status).toBe(400);
  });
});

describe('claims are bounded', () => {
  const claimOf = (quest: number, subject = 'ann') =>
    post({ ...BODY, quest_id: `quest_${quest}`, user_id: subject }, {}, subject);
  const counted = () => database.query('select user_id, claims from mirror.client_claims');

  test('a hundred a user a day, then 429; what was claimed before stays a duplicate', async () => {
    const claims = Array.from({ length: 120 }, (_, n) => claimOf(n));
    const statuses = (await Promise.all(claims)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(20);
    const refused = await claimOf(200);
    expect(await refused.json()).toMatchObject({ type: 'about:blank', status: 429 });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(86_401);
    expect(await rows()).toHaveLength(100);
    const [kept] = await database.query<{ quest: number }>(
      `select substr(quest_id, 7)::integer as quest from rtdb.quest_completions limit 1`,
    );
    expect(await (await claimOf(kept?.quest ?? -1)).json()).toEqual({ status: 'duplicate' });
    // Nobody else is affected, and it is over with the day.
    expect((await claimOf(200, 'carl')).status).toBe(200);
    await database.query(`update mirror.client_claims set day = day - 1 where user_id = 'ann'`);
    expect((await claimOf(200)).status).toBe(200);
  });

  test('a claim beyond the limit waits for nobody and writes nothing', async () => {
    await database.query(
      `insert into mirror.client_claims values ('ann', (now() at time zone 'UTC')::date, 100)`,
    );
    const client = await database.pool.connect();
    try {
      await client.query('begin; update mirror.client_claims set claims = claims');
      expect((await claimOf(1)).status).toBe(429);
    } finally {
      await client.query('rollback');
      client.release();
    }
    const version = () => database.query('select xmin::text, xmax::text from mirror.client_claims');
    const before = await version();
    expect((await claimOf(1)).status).toBe(429);
    expect(await version()).toEqual(before);
  });

  test('a claim that is sent again counts and writes nothing, however often and at once', async () => {
    await event('e1', true);
    await Promise.all(Array.from({ length: 20 }, () => post(BODY)));
    await Promise.all(Array.from({ length: 20 }, () => claimOf(7)));
    expect(await counted()).toEqual([{ user_id: 'ann', claims: 2 }]);
    const versions = () =>
      database.query('select xmin::text, quest_id from rtdb.quest_completions');
    const before = await versions();
    for (let n = 0; n < 3; n += 1) {
      expect(await (await post(BODY)).json()).toEqual({ status: 'duplicate' });
    }
    expect(await versions()).toEqual(before);
    expect(await counted()).toEqual([{ user_id: 'ann', claims: 2 }]);
  });

  test.each([[-8], [2], [-4_000]])('a day %i days from now is a 400', async (days) => {
    const response = await post({ ...BODY, timestamp: `${dayFromNow(days)}T06:00:00` });
    const { errors } = (await response.json()) as { errors: object[] };
    expect([response.status, errors]).toEqual([
      400,
      [{ field: 'timestamp', message: expect.stringMatching(/^expected a day from /) }],
    ]);
    expect(await counted()).toEqual([]);
  });

  test("the canary's couple can be neither claimed nor read", async () => {
    const [user, partner] = CANARY_COUPLE.split('_') as [string, string];
    for (const [subject, other] of [
      [user, partner],
      [partner, user],
    ] as const) {
      const body = { ...BODY, user_id: subject, partner_id: other };
      expect((await post(body, {}, subject)).status).toBe(403);
      const headers = await bearer(subject);
      const read = await app.request(`${READ}?partner_id=${other}&date=${DATE}`, { headers });
      expect(read.status).toBe(403);
    }
    expect(await rows()).toEqual([]);
  });
});

test.each([['a/b'], ['.'], ['a\u0000b'], ['x'.repeat(769)], ['é'.repeat(400)], ['$'], ['\ud800']])(
  "a token whose subject is %j, which RTDB doesn't allow as a key, is a 403",
  async (subject) => {
    expect((await post(BODY, {}, subject)).status).toBe(403);
    const headers = await bearer(subject);
    const read = await app.request(`${READ}?partner_id=bob&date=${DATE}`, { headers });
    expect(read.status).toBe(403);
  },
);

test('two ids that are too long for the id of a couple are a 400', async () => {
  const headers = await bearer('a'.repeat(700));
  const query = `partner_id=${'b'.repeat(700)}&date=${DATE}`;
  const response = await app.request(`${READ}?${query}`, { headers });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ errors: [{ field: 'partner_id' }] });
});

test('healthz tells that Postgres answers, and nothing else', async () => {
  const response = await app.request('/api/healthz');
  expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
});

describe('the validation read', () => {
  const read = async (query: string, subject = 'ann') => {
    const response = await app.request(`${READ}?${query}`, { headers: await bearer(subject) });
    return { status: response.status, body: (await response.json()) as { errors?: unknown } };
  };
  const inBoth = async () => {
    await rtdb.rest.set(path(), true);
    await event('e1', true);
  };

  test("of ids that make another couple's id shows none of their completions", async () => {
    const leaf = ['daily_quests', 'a_b_c', DATE, 'completions', 'quest_1'].join('/');
    for (const user of ['a_b', 'c', 'a']) {
      await mirror.mirror(writeOf({ id: user, ref: `${leaf}/${user}` }));
    }
    const usersSeen = async (subject: string, partner: string) => {
      const { body } = await read(`partner_id=${partner}&date=${DATE}`, subject);
      return (body as { completions: { user_id: string }[] }).completions.map((one) => one.user_id);
    };
    expect(await usersSeen('a', 'b_c')).toEqual(['a']);
    expect(await usersSeen('c', 'a_b')).toEqual(['a_b', 'c']);
  });

  test('shows what Postgres has, and that RTDB shows the same', async () => {
    await inBoth();
    const expected = {
      completions: [
        {
          ...{ quest_id: 'quest_1', user_id: 'ann', payload: true },
          completed_at: `${DATE}T06:01:01.000Z`,
        },
      ],
      consistent: true,
    };
    expect(await read(`partner_id=bob&date=${DATE}`)).toEqual({ status: 200, body: expected });
    expect((await read(`partner_id=ann&date=${DATE}`, 'bob')).body).toEqual(expected);
    expect((await read(`partner_id=bob&date=${dayFromNow(1)}`)).body).toEqual({
      ...{ completions: [], consistent: true },
    });
  });

  test('a disagreement is told, and logged once with its cause', async () => {
    await inBoth();
    await rtdb.rest.set(path('bob'), 'rubbish');
    for (let n = 0; n < 2; n += 1) {
      expect((await read(`partner_id=bob&date=${DATE}`)).body).toMatchObject({ consistent: false });
    }
    expect(
      await database.query(
        `select path, shard, day::text, key, kind, cause, detected_by, times_seen
         from mirror.divergence_log`,
      ),
    ).toEqual([
      {
        ...{ kind: 'missing_in_postgres', cause: 'rejected', detected_by: 'api' },
        // Whoever asks again within the hour adds nothing to the log.
        ...{ path: 'quest_completions', shard: 'ann_bob', day: DATE, times_seen: 1 },
        key: { couple_id: 'ann_bob', date_key: DATE, quest_id: 'quest_1', user_id: 'bob' },
      },
    ]);
  });

  test('of a day with thousands of rows costs and logs no more than it shows', async () => {
    await database.query(
      `begin; set local mirror.writer = 'on';
       insert into rtdb.quest_completions (couple_id, date_key, quest_id, user_id, completed_at, payload,
         origin, event_time)
       select 'ann_bob', $1::date, 'quest_' || n, 'ann', now(), 'true', 'client', '-infinity'
       from generate_series(1, 5000) as n; commit`.replace('$1', `'${DATE}'`),
    );
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => read(`partner_id=bob&date=${DATE}`)),
    );
    for (const { status, body } of answers) {
      expect([status, (body as { consistent: boolean }).consistent]).toEqual([200, false]);
      expect((body as { completions: object[] }).completions).toHaveLength(200);
    }
    expect(await database.query('select from mirror.divergence_log')).toEqual([]);
  });

  test('asked by many at once is one comparison, which logs a few leaves', async () => {
    for (let quest = 0; quest < 50; quest += 1) await rtdb.rest.set(path('ann', `q${quest}`), true);
    let looks = 0;
    const counting = {
      ...rtdb.days,
      readCompletions: (...asked: Parameters<typeof rtdb.days.readCompletions>) => {
        looks += 1;
        return rtdb.days.readCompletions(...asked);
      },
    };
    app = appOn(connections, counting);
    const query = `partner_id=bob&date=${DATE}`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => read(query)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // A second look, as they differ.
    expect(looks).toBe(2);
    expect(await database.query('select from mirror.divergence_log')).toHaveLength(5);
    await read(query);
    const seen = await database.query('select distinct times_seen from mirror.divergence_log');
    expect(seen).toEqual([{ times_seen: 1 }]);
    await database.query(`update mirror.divergence_log set last_seen_at = now() - interval '2 h'`);
    await read(query);
    expect(await database.query('select from mirror.divergence_log where times_seen = 2'))
      // The same leaves: the rest is the reconciler's.
      .toHaveLength(5);
  });

  test('that was given up sends nothing more to either store', async () => {
    await rtdb.rest.set(path(), true);
    const sent: string[] = [];
    let isSlow = true;
    app = appOn({
      run: async (text, values, signal) => {
        if (isSlow) await delay(2_600);
        sent.push(text);
        return connections.run(text, values, signal);
      },
    });
    expect((await read(`partner_id=bob&date=${DATE}`)).status).toBe(503);
    await delay(200);
    isSlow = false;
    const before = sent.length;
    await delay(700);
    expect(sent).toHaveLength(before);
    expect(await database.query('select from mirror.divergence_log')).toEqual([]);
  });

  test("shows no other couple's completions", async () => {
    await inBoth();
    expect((await read(`partner_id=bob&date=${DATE}`, 'eve')).body).toEqual({
      ...{ completions: [], consistent: true },
    });
  });

  test.each([
    ['date=2025-11-20', 'partner_id'],
    ['partner_id=bob', 'date'],
    ['partner_id=bob&date=2025-02-30', 'date'],
    ['partner_id=a%2Fb&date=2025-11-20', 'partner_id'],
  ])('%s is a 400 that names the field', async (query, field) => {
    const { status, body } = await read(query);
    expect(status).toBe(400);
    expect(body.errors).toEqual([expect.objectContaining({ field })]);
  });

  test('RTDB away is a 503', async () => {
    await rtdb.standin.stop();
    expect((await read(`partner_id=bob&date=${DATE}`)).status).toBe(503);
  });
});
