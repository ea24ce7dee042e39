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
    ['an authority of one’s own', REMOTE, 'a\\nb', { ...VERIFIED, ca: 'a\nb' }],
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
    process.env.PGSSLMODE = 'no-verify';
    try {
      expect(asPgSees(REMOTE).ssl).toEqual(VERIFIED);
      expect(asPgSees(LOCAL).ssl).toBe(false);
    } finally {
      delete process.env.PGSSLMODE;
    }
  });

  test.each([
    ['nothing', undefined, undefined, 'is not set'],
    ['another protocol', 'mysql://u:pa55word@h/x', undefined, 'expected postgres://'],
    ['no address', 'pa55word', undefined, 'expected postgres://'],
    ['a host in the parameters', `${REMOTE}?host=127.0.0.1`, undefined, '?host='],
    ['TLS switched off by the way', `${REMOTE}?ssl=0`, undefined, '?ssl='],
    ['TLS switched off', `${REMOTE}?sslmode=disable`, undefined, 'sslmode=disable'],
    [
      'TLS switched off the second time',
      `${REMOTE}?sslmode=require&sslmode=disable`,
      undefined,
      '=',
    ],
    ['TLS without verification', `${REMOTE}?sslmode=no-verify`, undefined, 'sslmode=no-verify'],
    [
      'TLS without verification, by an authority',
      `${REMOTE}?sslmode=no-verify`,
      'pem',
      'no-verify',
    ],
    ['a mode that is none', `${REMOTE}?sslmode=pa55word`, undefined, 'sslmode is none of'],
    ["libpq's lenient reading", `${REMOTE}?sslmode=require&uselibpqcompat=true`, undefined, '?use'],
    ['an authority in a file', `${REMOTE}?sslrootcert=/etc/ca.pem`, undefined, '?sslrootcert='],
  ])('refuses %s, without showing it', (_case, url, authority, message) => {
    const attempt = () => clientConfig(url, authority);
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow(SECRET);
  });
});
