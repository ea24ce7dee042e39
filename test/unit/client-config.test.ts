import { clientConfig } from '../../functions/src/postgres/client-config';

const SECRET = 'pa55word';
const REMOTE = `postgres://user:${SECRET}@db.example.com:6543/postgres`;

describe('clientConfig', () => {
  test.each([
    ['another host is verified', REMOTE, undefined, { rejectUnauthorized: true }],
    ['this machine needs no TLS', 'postgres://u:p@127.0.0.1/x', undefined, undefined],
    ['sslmode decides for itself', `${REMOTE}?sslmode=verify-full`, undefined, undefined],
    ['an authority of one’s own', REMOTE, 'a\\nb', { rejectUnauthorized: true, ca: 'a\nb' }],
  ])('%s', (_case, url, authority, ssl) => {
    expect(clientConfig(url, authority).ssl).toEqual(ssl);
  });

  test.each([
    ['nothing', undefined, undefined, 'is not set'],
    ['another protocol', 'mysql://u:pa55word@h/x', undefined, 'expected postgres://'],
    ['no address', 'pa55word', undefined, 'expected postgres://'],
    ['a host in the parameters', `${REMOTE}?host=127.0.0.1`, undefined, '?host='],
    ['TLS switched off by the way', `${REMOTE}?ssl=0`, undefined, '?ssl='],
    ['an authority that would be dropped', `${REMOTE}?sslmode=require`, 'pem', 'no sslmode'],
  ])('refuses %s, without showing it', (_case, url, authority, message) => {
    const attempt = () => clientConfig(url, authority);
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow(SECRET);
  });
});
