import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import { ConnectError, classifyFailure, sqlstateOf } from '../../functions/src/postgres/sqlstate';
import { cloneDatabase, type TestDatabase } from '../support/database';

describe('what a failure means for the event that met it', () => {
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

  const failureOf = (to: Connections, sql: string): Promise<unknown> =>
    to.run(sql, []).then(
      () => null,
      (error: unknown) => error,
    );

  test.each([
    ['22P05', 'permanent', 'a character that jsonb refuses'],
    ['23514', 'permanent', 'a check constraint'],
    ['54000', 'row', 'a row over a limit'],
    ['55P03', 'row', 'a lock that was not to be had'],
    ['55006', 'transient', 'an object in use'],
    ['40001', 'repeatable', 'a serialization failure'],
    ['40P01', 'repeatable', 'a deadlock'],
    ['40002', 'transient', 'a constraint of a transaction'],
    ['57P01', 'repeatable', 'a server that shuts down'],
    ['57P03', 'transient', 'a server that starts'],
    ['08006', 'repeatable', 'a connection that failed'],
    ['53300', 'transient', 'too many connections'],
    ['42501', 'transient', 'a missing privilege'],
  ])('SQLSTATE %s is %s: %s', async (code, expected) => {
    const error = await failureOf(
      connections,
      `do $$ begin raise exception 'refused' using errcode = '${code}'; end $$`,
    );
    expect([classifyFailure(error), sqlstateOf(error)]).toEqual([expected, code]);
  });

  test('a connection that the server refuses is to be delivered again, with its SQLSTATE', async () => {
    const url = new URL(database.url);
    url.password = 'wrong';
    const stranger = new Connections(clientConfig(url.href), 1);
    try {
      const error = await failureOf(stranger, 'select 1');
      expect(error).toMatchObject({ name: 'ConnectError' });
      expect([classifyFailure(error), sqlstateOf(error)]).toEqual(['transient', '28P01']);
    } finally {
      await stranger.close();
    }
  });

  test('a connection that broke may be repeated; one that was never made is delivered again', () => {
    const broken = new Error('Connection terminated unexpectedly');
    expect([classifyFailure(broken), sqlstateOf(broken)]).toEqual(['repeatable', null]);
    const nowhere = new ConnectError('away', { cause: new Error('ECONNREFUSED') });
    expect([classifyFailure(nowhere), sqlstateOf(nowhere)]).toEqual(['transient', null]);
  });
});
