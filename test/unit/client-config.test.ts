import { Client } from 'pg';
import { clientConfig } from '../../functions/src/postgres/client-config';

const SECRET = 'pa55word';
const REMOTE = `postgres://user:${SECRET}@db.example.com:6543/postgres`;
const LOCAL = 'postgres://u:p@127.0.0.1/x';
const VERIFIED = { rejectUnauthorized: true };

/** What pg makes of it: what is in the connection string comes first there. */
const asPgSees = (url: string, authority?: string) =>
  new Client(clientConfig(url, authority)) as Client & { ssl: unknown };

describe('clientConfig', () => {
  test.each([
    ['another host is verified', REMOTE, undefined, VERIFIED],
    ['so is an address', 'postgres://u:p@10.0.0.5/x', undefined, VERIFIED],
    ['sslmode=verify-full', `${REMOTE}?sslmode=verify-full`, undefined, VERIFIED],
    ['sslmode=require is verified too', `${REMOTE}?sslmode=require`, undefined, VERIFIED],
    ['sslmode=prefer is taken for more', `${REMOTE}?sslmode=prefer`, undefined, VERIFIED],
    ['sslmode=allow is taken for more', `${REMOTE}?sslmode=allow`, undefined, VERIFIED],
    ['an authority of one’s own', REMOTE, 'a', { ...VERIFIED, ca: 'a' }],
    ['an authority beside sslmode', `${REMOTE}?sslmode=require`, 'a', { ...VERIFIED, ca: 'a' }],
    ['this machine needs no TLS', LOCAL, undefined, false],
    ['this machine may have it', `${LOCAL}?sslmode=require`, undefined, VERIFIED],
    ['this machine, by an authority', LOCAL, 'a', { ...VERIFIED, ca: 'a' }],
    ['this machine without', `${LOCAL}?sslmode=disable`, undefined, false],
  ])('%s', (_case, url, authority, ssl) => {
    expect(asPgSees(url, authority).ssl).toEqual(ssl);
  });

  test('the rest of the connection string stays as it is', () => {
    const url = 'postgres://us%40er:p%2Fw%3F@db.example.com:6543/po%20st';
    expect(asPgSees(`${url}?sslmode=require&application_name=mine`)).toMatchObject({
      ...{ user: 'us@er', password: 'p/w?', host: 'db.example.com', port: 6543 },
      database: 'po st',
    });
  });

  test('the environment does not change what was decided', () => {
    const saved = { ...process.env };
    Object.assign(process.env, {
      ...{ PGSSLMODE: 'no-verify', PGHOST: 'elsewhere', PGPORT: '1', PGUSER: 'somebody' },
      ...{ PGDATABASE: 'another', PGPASSWORD: 'of-another' },
    });
    try {
      expect(asPgSees(REMOTE).ssl).toEqual(VERIFIED);
      expect(asPgSees(LOCAL).ssl).toBe(false);
      const client = asPgSees('postgres://u@127.0.0.1/x');
      expect(client).toMatchObject({ user: 'u', host: '127.0.0.1', port: 5432, database: 'x' });
      expect(client.password).toEqual(expect.any(Function));
    } finally {
      process.env = saved;
    }
  });

  test.each([
    ['a host in the parameters', `${REMOTE}?host=127.0.0.1`, '?host='],
    ['a password in the parameters', `${REMOTE}?password=x`, '?password='],
    ['a port in the parameters', `${REMOTE}?port=1`, '?port='],
    ['TLS switched off by the way', `${REMOTE}?ssl=0`, '?ssl='],
    ['TLS switched off', `${REMOTE}?sslmode=disable`, 'sslmode=disable'],
    ['TLS switched off the second time', `${REMOTE}?sslmode=require&sslmode=disable`, '='],
    ['TLS without verification', `${REMOTE}?sslmode=no-verify`, 'sslmode=no-verify'],
    ['a mode that is none', `${REMOTE}?sslmode=pa55word`, 'sslmode is none of'],
    ["libpq's lenient reading", `${REMOTE}?sslmode=require&uselibpqcompat=true`, '?use'],
    ['an authority in a file', `${REMOTE}?sslrootcert=/etc/ca.pem`, '?sslrootcert='],
  ])('refuses %s, without showing it', (_case, url, message) => {
    for (const authority of [undefined, 'pem']) {
      const attempt = () => clientConfig(url, authority);
      expect(attempt).toThrow(message);
      expect(attempt).not.toThrow(SECRET);
    }
  });

  test('parameters that other tools put there change nothing', () => {
    const url = `${REMOTE}?pgbouncer=true&connect_timeout=10&pipeline=1&query_timeout=1`;
    expect(clientConfig(url)).toEqual(clientConfig(REMOTE));
  });
});
