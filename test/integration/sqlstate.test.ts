import { clientConfig } from '../../functions/src/postgres/client-config';
import { ConnectError } from '../../functions/src/postgres/connect-error';
import { Connections } from '../../functions/src/postgres/connections';
import { setupHint } from '../../functions/src/postgres/loggable-failure';
import { blameOf, isOutage, sqlstateOf } from '../../functions/src/postgres/sqlstate';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
let connections: Connections;

beforeAll(async () => {
  database = await cloneDatabase();
  connections = new Connections(clientConfig(database.url), 1);
});

afterAll(async () => {
  await connections.close();
  await database.drop();
});

const failureOf = (to: Connections, sql: string, values: unknown[] = []): Promise<unknown> =>
  to.run(sql, values).then(
    () => null,
    (error: unknown) => error,
  );

describe('who is to blame for an SQLSTATE that a trigger raised', () => {
  test.each([
    ['P0001', 'row', 'what `raise` raises'],
    ['22P05', 'row', 'a character that jsonb refuses'],
    ['23514', 'row', 'a check constraint'],
    ['54000', 'row', 'a row over a limit'],
    ['QM001', 'row', "a code of the team's own"],
    ['23503', 'parent', 'a foreign key'],
    ['42P01', 'asked', 'a missing table'],
    ['42501', 'asked', 'a missing right'],
    ['55P03', 'asked', 'a lock that was not available'],
    ['40001', 'asked', 'a serialization failure'],
    ['57P01', 'asked', 'a server that shuts down'],
    ['57014', 'asked', 'a statement that was cancelled'],
    ['08006', 'asked', 'a connection that failed'],
    ['53100', 'asked', 'a full disk'],
    ['25006', 'asked', 'a read-only transaction'],
    ['28000', 'asked', 'a login that is refused'],
    ['3D000', 'asked', 'a database that is not there'],
  ])('%s: %s (%s)', async (code, blame) => {
    const raise = `do $$ begin raise exception 'refused' using errcode = '${code}'; end $$`;
    const error = await failureOf(connections, raise);
    expect([blameOf(error), sqlstateOf(error), isOutage(error)]).toEqual([blame, code, false]);
  });
});

describe('who is to blame for a failure of the server itself', () => {
  test.each([
    ['22P02', 'row', `select 'x'::integer`],
    ['42P01', 'setup', 'select from nothing_there'],
    ['42883', 'setup', 'select nothing_there()'],
    ['3F000', 'setup', 'select nothing_there.at_all()'],
    ['55P03', 'busy', `select from pg_class for update nowait`],
    ['57014', 'server', `select pg_cancel_backend(pg_backend_pid())`],
    ['57P01', 'session', `select pg_terminate_backend(pg_backend_pid())`],
  ])('%s: %s', async (code, blame, sql) => {
    const table = await database.pool.connect();
    try {
      await table.query('begin');
      await table.query('create table if not exists locked (id integer)');
      await table.query('commit; begin; insert into locked values (1); commit; begin');
      await table.query('select from locked for update');
      const error = await failureOf(connections, sql.replace('pg_class', 'locked'));
      expect([sqlstateOf(error), blameOf(error)]).toEqual([code, blame]);
      expect(isOutage(error)).toBe(blame === 'session');
    } finally {
      await table.query('rollback');
      table.release();
    }
  });

  test('25006: session, and an outage', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c default_transaction_read_only=on');
    const readOnly = new Connections(clientConfig(url.href), 1);
    try {
      const error = await failureOf(readOnly, `insert into mirror.locks (name) values ('x')`);
      expect([sqlstateOf(error), blameOf(error), isOutage(error)]).toEqual([
        '25006',
        'session',
        true,
      ]);
    } finally {
      await readOnly.close();
    }
  });

  test('a connection that the server refuses, with its SQLSTATE and without the login', async () => {
    const url = new URL(database.url);
    url.password = 'wrong';
    const stranger = new Connections(clientConfig(url.href), 1);
    try {
      const error = await failureOf(stranger, 'select 1');
      expect(error).toMatchObject({
        name: 'ConnectError',
        message: 'no connection to Postgres: the password was refused (SQLSTATE 28P01)',
      });
      expect([blameOf(error), sqlstateOf(error), isOutage(error)]).toEqual([
        'server',
        '28P01',
        true,
      ]);
    } finally {
      await stranger.close();
    }
  });

  test('a connection that broke is of the session; one that was never made, of the server', () => {
    const broken = new Error('Connection terminated unexpectedly');
    expect([blameOf(broken), sqlstateOf(broken), isOutage(broken)]).toEqual([
      'session',
      null,
      true,
    ]);
    const nowhere = new ConnectError('away', new Error('ECONNREFUSED'));
    expect([blameOf(nowhere), sqlstateOf(nowhere)]).toEqual(['server', null]);
  });
});

describe('what a log line says of something missing', () => {
  test.each([
    [
      'select from mirror.gone',
      'relation "mirror.gone" does not exist: run `npm run mirror -- migrate`',
    ],
    [
      `select mirror.gone('SECRET')`,
      'function mirror.gone(unknown) does not exist: run `npm run mirror -- migrate`',
    ],
    ['select gone.f()', 'schema "gone" does not exist: run `npm run mirror -- migrate`'],
    // What a row holds may be in these.
    [`select 'SECRET'::regclass`, 'SQLSTATE 42P01: run `npm run mirror -- migrate`'],
    [`select 'SECRET'::integer`, null],
  ])('%s', async (sql, hint) => {
    expect(setupHint(await failureOf(connections, sql))).toBe(hint);
  });

  test('a right that is missing', async () => {
    await database.query('create role quest_test_nobody').catch(() => {});
    const sql = `do $$ begin set local role quest_test_nobody; perform from mirror.coverage; end $$`;
    expect(setupHint(await failureOf(connections, sql))).toMatch(
      /^(permission denied for schema mirror|SQLSTATE 42501)/,
    );
  });
});
