import { PATHS } from '../../functions/src/app-paths';
import { completionEvent, type JsonValue, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type Runtime, type RuntimeOptions, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { startTokenMint, type TokenMint } from '../support/tokens';

/**
 * One run of every function, with a marker in each place that must not be logged, and everything that
 * goes wrong for them. What each refusal is about: test/runtime/, test/api/.
 */

const ANN = 'MARKER-ann_fK3x:APA91b';
const BOB = 'bob-MARKER';
const COUPLE = [ANN, BOB].sort().join('_');
const TODAY = new Date().toISOString().slice(0, 10);
const CLAIM = 'api/sync/daily-quests/completion';
const LOGIN = `logged_${process.pid}`;
const PASSWORD = 'MARKER-pa55word';

let database: TestDatabase;
let rtdb: StandinTree;
let mint: TokenMint;
const tokens: string[] = [];
const runtimes: Runtime[] = [];

function urlAs(password: string): string {
  const url = new URL(database.url);
  url.username = LOGIN;
  url.password = password;
  return url.href;
}

async function start(options: Partial<RuntimeOptions>): Promise<Runtime> {
  const runtime = await startRuntime({
    ...{ databaseUrl: urlAs(PASSWORD), rtdbHost: rtdb.standin.address, ...options },
    env: {
      SUPABASE_JWT_ISSUER: mint.supabaseIssuer,
      RECONCILE_GRACE_SECONDS: '0',
      ...options.env,
    },
  });
  runtimes.push(runtime);
  return runtime;
}

type Target = NonNullable<RuntimeOptions['target']>;
const instances = new Map<Target, Promise<Runtime>>();

/** The instance of a function that lacks nothing, which the tests share. */
function healthy(target: Target): Promise<Runtime> {
  const instance = instances.get(target) ?? start({ target });
  instances.set(target, instance);
  return instance;
}

beforeAll(async () => {
  [database, rtdb, mint] = await Promise.all([
    cloneDatabase(),
    startStandinTree(),
    startTokenMint(),
  ]);
  await database.query(
    `create role ${LOGIN} login password '${PASSWORD}' in role quest_mirror_writer`,
  );
  // A completion that Postgres will never hear of, and one that is none.
  const completions = { 'quest-MARKER': { [ANN]: true, [BOB]: 'MARKER-text' } };
  await rtdb.rest.set(['daily_quests', COUPLE, TODAY], { completions, quests: ['MARKER'] });
});

afterAll(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.stop()));
  await Promise.all([rtdb?.standin.stop(), mint?.stop()]);
  await database?.drop();
});

afterEach(() => database.query('drop function if exists poison cascade'));

/** Makes Postgres fail at a table's rows, in words that tell all of the row. */
const poison = (table: string, sqlstate: string) =>
  database.query(`
    create function poison() returns trigger language plpgsql as $body$
    begin
      raise exception 'row %', new::text
        using errcode = '${sqlstate}', detail = new::text, hint = new::text;
    end
    $body$;
    create trigger poison before insert on ${table} for each row execute function poison()`);

async function tokenFor(subject: string, change: Parameters<TokenMint['supabase']>[1] = {}) {
  const token = await mint.supabase(subject, change);
  tokens.push(token);
  return token;
}

const event = (after: JsonValue, more: object = {}) =>
  completionEvent({
    ...{ coupleId: COUPLE, dateKey: TODAY, questId: 'quest-MARKER', userId: ANN, after },
    ...{ id: `event-${Math.random()}`, authtype: 'app_user', authid: ANN, ...more },
  });

async function mirrorEvents(runtime: Runtime, failing: boolean): Promise<void> {
  const expected = failing ? 500 : 204;
  const refused = [
    event({ completedAt: 1, note: 'MARKER' }, { userId: 'MARKER-stranger' }),
    event({ 'MARKER-key': 'MARKER\u0000' }),
    event('MARKER-text'),
  ];
  for (const one of [event(true), event({ completedAt: 5, note: 'MARKER' }), ...refused]) {
    expect(await send(runtime.url, one)).toBe(expected);
  }
}

async function apiRequests(runtime: Runtime, failing: boolean): Promise<number[]> {
  const good = await tokenFor(ANN);
  const body = {
    quest_id: 'quest-MARKER',
    user_id: ANN,
    partner_id: BOB,
    timestamp: `${TODAY}T06:00:00`,
  };
  const post = (json: unknown, token = good) =>
    fetch(`${runtime.url}${CLAIM}?MARKER=MARKER`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', authorization: `Bearer ${token}` },
        ...{ cookie: 'session=MARKER', 'x-forwarded-for': 'MARKER' },
      },
      body: typeof json === 'string' ? json : JSON.stringify(json),
    });
  const statuses = [
    await post(body),
    await post(body, await tokenFor('MARKER-other')),
    await post(body, await tokenFor(ANN, { claims: { exp: 1 } })),
    await post(body, await tokenFor(ANN, { claims: { iss: 'https://MARKER.example.com' } })),
    await post(body, await tokenFor(ANN, { kid: 'MARKER' })),
    await post(body, mint.unsigned(ANN)),
    await post(body, 'MARKER.MARKER.MARKER'),
    await post({ ...body, timestamp: 'MARKER', quest_id: 'MARKER/\u0000' }),
    await post('{"quest_id":"MARKER'),
    await fetch(`${runtime.url}api/MARKER`),
    await fetch(`${runtime.url}${CLAIM}s?partner_id=${BOB}&date=${TODAY}`, {
      headers: { authorization: `Bearer ${good}` },
    }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([
    // In another's name: without Postgres nobody knows whether it is the user's own by another id.
    ...(failing ? [503, 503] : [200, 403]),
    ...[401, 401, 401, 401, 401, 400, 400, 404],
    failing ? 503 : 200,
  ]);
  return statuses;
}

const call = async (runtime: Runtime) => (await fetch(runtime.url, { method: 'POST' })).status;

test('the mirror: applied, refused, failed by Postgres, without a password that is right', async () => {
  const runtime = await healthy('mirrorQuestCompletion');
  await mirrorEvents(runtime, false);
  await poison('rtdb.quest_completions', '53100');
  expect(await send(runtime.url, event(true, { questId: 'MARKER-2' }))).toBe(500);
  const wrong = await start({ databaseUrl: urlAs('MARKER-wrong') });
  await mirrorEvents(wrong, true);
  const ca = '-----BEGIN CERTIFICATE-----\\nMARKER\\n-----END CERTIFICATE-----';
  await mirrorEvents(await start({ env: { DATABASE_CA: ca } }), true);
  const url = `${urlAs(PASSWORD).replace('127.0.0.1', 'db.example.com')}?sslmode=disable`;
  await mirrorEvents(await start({ databaseUrl: url }), true);
}, 60_000);

test('the API: claims, reads that disagree, tokens of all kinds, Postgres away', async () => {
  const runtime = await healthy('mirrorApi');
  await apiRequests(runtime, false);
  await poison('rtdb.quest_completions', '53100');
  await database.query('truncate rtdb.quest_completions');
  await apiRequests(await start({ target: 'mirrorApi', databaseUrl: urlAs('MARKER-wrong') }), true);
}, 60_000);

test('the reconciler and the canary: findings, a shard and a log that fail', async () => {
  const [reconciler, canary] = await Promise.all([
    healthy('mirrorReconcile'),
    healthy('mirrorCanary'),
  ]);
  await poison('mirror.divergence_log', '53100');
  expect(await call(reconciler)).toBe(200);
  await database.query('drop function poison cascade');
  await database.query('update mirror.readings set due_at = now(), taken_until = null');
  expect(await call(reconciler)).toBe(200);
  const found = await database.query(
    `select from mirror.divergence_log where detected_by = 'reconciler'`,
  );
  expect(found.length).toBeGreaterThan(0);
  expect(await call(canary)).toBe(200);
  const away = { databaseUrl: urlAs('MARKER-wrong') };
  for (const target of ['mirrorReconcile', 'mirrorCanary'] as const) {
    expect(await call(await start({ target, ...away }))).toBe(500);
  }
  const blind = await start({ target: 'mirrorReconcile', rtdbHost: '127.0.0.1:9' });
  await database.query('update mirror.readings set due_at = now(), taken_until = null');
  expect(await call(blind)).toBe(200);
  // Without the list of shards it can't go on.
  await database.query('delete from mirror.listings');
  expect(await call(blind)).toBe(500);
}, 60_000);

test('bodies and paths that the framework itself can not read', async () => {
  const triggers = PATHS.map(({ trigger }) => trigger);
  const targets = [
    ...triggers,
    ...(['mirrorReconcile', 'mirrorCanary', 'mirrorApi', 'mirrorDashboard'] as const),
  ];
  const started = await Promise.all(targets.map(healthy));
  for (const { url } of started) {
    const body = 'MARKER\n{"severity":800,"message":"MARKER"}\n';
    for (const type of ['application/json', 'application/cloudevents+json']) {
      const headers = { 'content-type': type };
      expect((await fetch(url, { method: 'POST', headers, body })).status).not.toBe(200);
    }
    const odd: Record<string, string>[] = [
      { 'content-type': 'application/json; charset=MARKER' },
      { 'content-type': 'application/json', 'content-encoding': 'MARKER' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    ];
    for (const headers of odd) await fetch(url, { method: 'POST', headers, body });
    await fetch(`${url}%zzMARKER`, { method: 'POST', body: '{}' });
  }
}, 60_000);

test('nothing of all that is in the logs', async () => {
  const lines = runtimes.flatMap((runtime) => runtime.lines);
  // That they do speak is not for granted: each kind of function, and of its troubles.
  const spoken = [
    ...['"outcome":"applied"', '"outcome":"rejected"', '"api_status":401', 'shards read'],
    ...['a shard could not be read', 'mirror rates'],
    ...['PostgresError: Postgres failed: SQLSTATE 53100', 'SQLSTATE 28P01', 'sslmode=disable'],
  ];
  for (const part of spoken) {
    expect(lines.some((line) => line.includes(part))).toBe(true);
  }
  const secrets = ['MARKER', ...tokens, ...tokens.map((each) => each.split('.')[1])];
  const leaks = lines.filter((line) => secrets.some((secret) => line.includes(String(secret))));
  expect(leaks).toEqual([]);
});
