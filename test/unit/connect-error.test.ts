import { createServer } from 'node:net';
import { connect } from '../../functions/src/cli/migrate/connect';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { connectReason } from '../../functions/src/postgres/connect-error';
import { Connections } from '../../functions/src/postgres/connections';
import { loggableFailure } from '../../functions/src/postgres/loggable-failure';
import { ReadOnlyTransactions } from '../../functions/src/postgres/read-only-transactions';
import { findFreePort } from '../../local/free-port';

const system = (code: string, address: string) =>
  Object.assign(new Error(`connect ${code} ${address}:5432`), { code, syscall: 'connect' });

test('of a host with two addresses, whose error has no message, the reasons of both are told', () => {
  const both = new AggregateError(
    [system('ECONNREFUSED', '::1'), system('ETIMEDOUT', '10.0.0.1')],
    '',
  );
  expect(connectReason(both)).toBe('nothing listens there (ECONNREFUSED); no answer (ETIMEDOUT)');
});

test.each([
  [system('ENOTFOUND', 'SECRET'), "the host's name is unknown (ENOTFOUND)"],
  [system('EWHATEVER', 'SECRET'), 'EWHATEVER'],
  [Object.assign(new Error('Invalid URL: SECRET'), { code: 'ERR_INVALID_URL' }), 'ERR_INVALID_URL'],
  [new Error('timeout expired'), 'timeout expired'],
  [new Error(''), 'unknown'],
  ['SECRET', 'unknown'],
])('%s: no host', (error, reason) => {
  expect(connectReason(error)).toBe(reason);
});

describe('where nobody listens', () => {
  const urlOf = async () => `postgres://ann:SECRET@localhost:${await findFreePort()}/quest`;

  test('functions and dashboard say so without the host, the login or the database', async () => {
    const config = clientConfig(await urlOf());
    const connections = new Connections(config, 1);
    const transactions = new ReadOnlyTransactions(config, 1);
    const failures = await Promise.allSettled([
      connections.run('select 1', []),
      transactions.read(async () => {}),
    ]);
    await Promise.all([connections.close(), transactions.close()]);
    for (const failure of failures) {
      const shown = loggableFailure(failure.status === 'rejected' ? failure.reason : null) as Error;
      expect(shown.message).toBe('no connection to Postgres: nothing listens there (ECONNREFUSED)');
      expect(shown.cause).toBeUndefined();
    }
  });

  test('the command line says so, with host and port', async () => {
    const url = await urlOf();
    const { port } = new URL(url);
    await expect(connect(url)).rejects.toThrow(
      `Cannot connect to Postgres at localhost:${port}: nothing listens there (ECONNREFUSED).`,
    );
  });
});

test('a server that hangs up is told as such', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const connections = new Connections(clientConfig(`postgres://a:b@127.0.0.1:${port}/q`), 1);
  await expect(connections.run('select 1', [])).rejects.toThrow(
    /^no connection to Postgres: (Connection terminated unexpectedly|the connection was cut)/,
  );
  await connections.close();
  await new Promise((resolve) => server.close(resolve));
});
