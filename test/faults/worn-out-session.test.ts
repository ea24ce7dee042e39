import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { completionEvent, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { startOwnServer } from '../support/own-server';
import { type Runtime, startRuntime } from '../support/runtime';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

const MIGRATIONS = join(__dirname, '..', '..', 'migrations');
const SENDERS = 40;
/** 50 ms after the first and up to 500 ms: the least that lies between ten connects is 3,250. */
const CONNECTS_OF_TEN_SPELLS = 10;
const LEAST_FOR_TEN_CONNECTS_MS = 3_000;

let runtime: Runtime | undefined;
let proxy: TcpProxy | undefined;
let cleanUps: (() => Promise<unknown>)[] = [];
let isOver = false;

beforeEach(() => {
  isOver = false;
});

afterEach(async () => {
  isOver = true;
  await runtime?.stop();
  await proxy?.stop();
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
}, 30_000);

async function query<Row>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

async function migratedServer(): Promise<LocalPostgres> {
  const server = await startOwnServer();
  cleanUps.push(() => server.stop());
  await applyMigrations({ databaseUrl: server.url, directory: MIGRATIONS });
  await query(server.url, `create role functions login password 'x' in role quest_mirror_writer`);
  return server;
}

/** A login of a database of its own, without any right. */
async function loginOfOwn(name: string): Promise<{ database: TestDatabase; login: string }> {
  const database = await cloneDatabase();
  cleanUps.push(() => database.drop());
  const login = `${name}_${process.pid}`;
  await database.query(`create role ${login} login password 'x'`);
  cleanUps.unshift(() => database.query(`drop role ${login}`));
  return { database, login };
}

/** The functions' login, which is the same on a server and on its replacement. */
function loginOf(url: string, username = 'functions'): string {
  const login = new URL(url);
  [login.username, login.password] = [username, 'x'];
  return login.href;
}

/** Delivers an event until it is acknowledged, or the test is over. */
async function deliver(url: string, number: number): Promise<number[]> {
  const event = completionEvent({ questId: `quest_${number}` });
  const statuses: number[] = [];
  while (!isOver && statuses.at(-1) !== 204) statuses.push(await send(url, event));
  return statuses;
}

test('a failover behind a proxy: the old server takes no writes, the instance finds the new one', async () => {
  const [oldServer, newServer] = await Promise.all([migratedServer(), migratedServer()]);
  proxy = await startTcpProxy(loginOf(oldServer.url));
  runtime = await startRuntime({ databaseUrl: proxy.url });
  const { url } = runtime;
  expect(await send(url, completionEvent({ questId: 'before' }))).toBe(204);
  await query(oldServer.url, 'alter system set default_transaction_read_only = on');
  await query(oldServer.url, 'select pg_reload_conf()');
  await eventually(async () => (await send(url, completionEvent({ questId: 'turns' }))) === 500, {
    describe: 'the old server to refuse writes',
  });

  const before = proxy.connects();
  const startedAt = performance.now();
  const senders = Array.from({ length: SENDERS }, (_, n) => deliver(url, n));
  // A server that stays read-only is asked again, but no faster than one that is away.
  await eventually(() => (proxy?.connects() ?? 0) >= before + CONNECTS_OF_TEN_SPELLS, {
    timeoutMs: 30_000,
    describe: 'ten connects',
  });
  expect(performance.now() - startedAt).toBeGreaterThan(LEAST_FOR_TEN_CONNECTS_MS);

  proxy.turnTo(newServer.url);
  const statuses = await Promise.all(senders);
  expect(new Set(statuses.map((each) => each.at(-1)))).toEqual(new Set([204]));
  expect(statuses.flat()).toContain(500);
  expect(await query(newServer.url, 'select from rtdb.quest_completions')).toHaveLength(SENDERS);
  expect(
    await query(
      newServer.url,
      "select reason, to_at > from_at as is_over from mirror.coverage where reason <> 'flag_off'",
    ),
  ).toEqual([{ reason: 'outage', is_over: true }]);
  const failed = runtime.outcomes().filter(({ outcome }) => outcome === 'failed');
  expect(new Set(failed.map((line) => line.sqlstate))).toEqual(new Set(['25006']));
}, 90_000);

test('a login whose settings were put right is taken up without a new instance', async () => {
  const { database, login } = await loginOfOwn('mirror_session');
  runtime = await startRuntime({ databaseUrl: loginOf(database.url, login) });
  const event = completionEvent();
  expect(await send(runtime.url, event)).toBe(500);
  expect(await runtime.outcomeOf(String(event.id))).toMatchObject({
    sqlstate: '42501',
    hint: expect.stringContaining('permission denied for schema mirror'),
  });
  // It may become a member at login: an old session never does.
  await database
    .query(`grant quest_mirror_writer to ${login} with inherit false`)
    .catch(() =>
      database.query(`alter role ${login} noinherit; grant quest_mirror_writer to ${login}`),
    );
  await database.query(`alter role ${login} set role = quest_mirror_writer`);
  const { url } = runtime;
  await eventually(async () => (await send(url, event)) === 204, {
    timeoutMs: 20_000,
    describe: 'a new session',
  });
  expect(await database.query('select reason from mirror.coverage')).toEqual([
    { reason: 'outage' },
  ]);
}, 40_000);

test('a right that is revoked twice costs no event, however old the event is', async () => {
  const { database, login } = await loginOfOwn('mirror_revoked');
  await database.query(`grant quest_mirror_writer to ${login}`);
  runtime = await startRuntime({ databaseUrl: loginOf(database.url, login) });
  const { url } = runtime;
  const event = completionEvent({ questId: 'revoked' });
  for (const n of [1, 2]) {
    await database.query('revoke insert on rtdb.quest_completions from quest_mirror_writer');
    expect(await send(url, event)).toBe(500);
    await database.query('grant insert on rtdb.quest_completions to quest_mirror_writer');
    expect(await send(url, completionEvent({ questId: `other_${n}` }))).toBe(204);
  }
  expect(await database.query('select from mirror.divergence_log')).toEqual([]);
  expect(await send(url, event)).toBe(204);
  expect(await database.query('select from rtdb.quest_completions')).toHaveLength(3);
}, 40_000);

test('a time limit of the login that was too short is taken off without a new instance', async () => {
  const { database, login } = await loginOfOwn('mirror_hurried');
  await database.query(`grant quest_mirror_writer to ${login}`);
  await database.query(`alter role ${login} set statement_timeout = '200ms'`);
  await database.query(`
    create function slow() returns trigger language plpgsql as
      $$ begin perform pg_sleep(0.3); return new; end $$;
    create trigger slow before insert on rtdb.quest_completions
      for each row execute function slow()`);
  runtime = await startRuntime({ databaseUrl: loginOf(database.url, login) });
  const { url } = runtime;
  const event = completionEvent();
  expect(await send(url, event)).toBe(500);
  await database.query(`alter role ${login} reset statement_timeout`);
  await eventually(async () => (await send(url, event)) === 204, {
    timeoutMs: 20_000,
    describe: 'a new session',
  });
}, 40_000);
