import fc from 'fast-check';
import { Client } from 'pg';
import { postgresConfig } from '../../functions/src/deploy/settings';
import { parseDatabaseUrl } from '../../functions/src/postgres/database-url';

/** One grammar for everything that reads the URL, and what other readers make of the same text. */

const EXPECTED =
  'QUEST_MIRROR_DATABASE_URL is not usable: expected postgres://user:password@host:port/database; ' +
  'special characters in the password must be percent-encoded';

const url = (password: string, rest = '127.0.0.1:5432/quest') =>
  `postgres://mirror_functions:${password}@${rest}`;

test.each([
  ['an @ and a /', url('Tr0ub@SECRETPART/x9')],
  ['an @', url('Tr0ub@SECRETPART')],
  ['two of them', url('Tr0ub@SECRET@PART')],
  ['a / after digits, so that the rest looks like a port', url('123/SECRETPART')],
  ['a /', url('Tr0ub/SECRETPART')],
  ['a ? after digits', url('123?SECRETPART')],
  ['a ?', url('Tr0ub?SECRETPART')],
  ['a ? that looks like a parameter', url('123?application_name=SECRETPART')],
  ['a # after digits', url('123#SECRETPART')],
  ['a #', url('Tr0ub#SECRETPART')],
  ['a # behind everything', `${url('SECRETPART')}#x`],
  ['a % that encodes nothing', url('SECRETPART%zz')],
  ['a % at the end', url('SECRETPART%')],
  ['a % and one digit', url('SECRETPART%4')],
  ['bytes that are no UTF-8', url('SECRETPART%ff')],
  ['a NUL, after which settings would follow', url('SECRETPART%00')],
  ['a space', url('SECRET PART')],
  ['a tab, which URL parsers drop', url('SECRET\tPART')],
  ['a line end, which URL parsers drop', url('SECRET\nPART')],
  ['an invisible character', url('SECRET\u200bPART')],
])('a password with %s, not encoded, is refused without a part of it', (_case, text) => {
  const attempt = () => postgresConfig({ QUEST_MIRROR_DATABASE_URL: text });
  expect(attempt).toThrow(EXPECTED);
  expect(attempt).not.toThrow(/Tr0ub|SECRET|PART|x9|123|mirror_functions|quest/);
});

test.each([
  ['nothing', '', 'QUEST_MIRROR_DATABASE_URL is not set: expected postgres://'],
  ['spaces', ' \n', 'QUEST_MIRROR_DATABASE_URL is not set'],
  ['a port that is no number', url('SECRET', '127.0.0.1:x/quest'), EXPECTED],
  ['a port that is too high', url('SECRET', '127.0.0.1:65536/quest'), EXPECTED],
  ['port 0', url('SECRET', '127.0.0.1:0/quest'), EXPECTED],
  ['no port after the colon', url('SECRET', '127.0.0.1:/quest'), EXPECTED],
  ['no database', url('SECRET', '127.0.0.1:5432'), EXPECTED],
  ['an empty database', url('SECRET', '127.0.0.1:5432/'), EXPECTED],
  ['a database with a slash', url('SECRET', '127.0.0.1:5432/a/b'), EXPECTED],
  ['no user', 'postgres://127.0.0.1:5432/quest', EXPECTED],
  ['a password without a user', 'postgres://:SECRET@127.0.0.1/quest', EXPECTED],
  ['no host', url('SECRET', '/quest'), EXPECTED],
  ['several hosts', url('SECRET', 'a.example.com,b.example.com/quest'), EXPECTED],
  ['several hosts with ports', url('SECRET', 'a.example.com:1,b.example.com:2/quest'), EXPECTED],
  ['a Unix socket', url('SECRET', '%2Fvar%2Frun%2Fpostgresql/quest'), EXPECTED],
  ['an address that is none', url('SECRET', '[::1::2]/quest'), EXPECTED],
  ['one slash', 'postgres:/u:SECRET@127.0.0.1/quest', EXPECTED],
  ['the scheme of another driver', 'postgresql+psycopg2://u:SECRET@127.0.0.1/quest', EXPECTED],
  ['JDBC', 'jdbc:postgresql://127.0.0.1/quest?user=u&password=SECRET', EXPECTED],
  ['its own name before it', `QUEST_MIRROR_DATABASE_URL=${url('SECRET')}`, EXPECTED],
  [
    'quotes around it',
    `"${url('SECRET')}"`,
    'QUEST_MIRROR_DATABASE_URL is not usable: expected no quotes',
  ],
  ['typographic quotes', `“${url('SECRET')}”`, 'expected no quotes'],
  ['one quote', `${url('SECRET')}'`, 'expected no quotes'],
  ["Supabase's placeholder", url('[YOUR-PASSWORD]'), 'stands where the password belongs'],
])('%s is refused by name', (_case, text, message) => {
  const attempt = () => postgresConfig({ QUEST_MIRROR_DATABASE_URL: text });
  expect(attempt).toThrow(message);
  expect(attempt).not.toThrow(/SECRET|example|127/);
});

test('the variable that was asked for is named', () => {
  expect(() => postgresConfig({ OWNER_URL: 'x' }, 'OWNER_URL')).toThrow('OWNER_URL is not usable:');
  expect(() => postgresConfig({}, 'OWNER_URL')).toThrow('OWNER_URL is not set:');
});

test.each([
  ['a space', ' '],
  ['a line end', '\n'],
  ["Windows' line end", '\r\n'],
  ['a byte order mark', '\ufeff'],
  ['a zero-width space', '\u200b'],
  ['a no-break space', '\u00a0'],
])('%s at either end is not part of it', (_case, blank) => {
  const read = postgresConfig({ QUEST_MIRROR_DATABASE_URL: `${blank}${url('x')}${blank}` });
  expect(read).toEqual(postgresConfig({ QUEST_MIRROR_DATABASE_URL: url('x') }));
  expect(read).toMatchObject({ user: 'mirror_functions', password: 'x', database: 'quest' });
});

test.each([
  ['everything encoded', url('%40%2F%3A%3F%23%25%20'), { password: '@/:?#% ' }],
  ['a colon, which every reader takes alike', url('a:b'), { password: 'a:b' }],
  ['brackets, quotes and a backslash', url('a[b]"c\\d^e|f'), { password: 'a[b]"c\\d^e|f' }],
  ['letters beyond ASCII', url('pässwörd'), { password: 'pässwörd' }],
  ['no password', 'postgres://u@127.0.0.1/quest', { password: null }],
  ['no port', url('x', 'db.example.com/quest'), { host: 'db.example.com', port: 5432 }],
  ['an IPv6 address', url('x', '[::1]:6543/quest'), { host: '::1', port: 6543 }],
  ['a host in capitals', url('x', 'LOCALHOST/quest'), { host: 'localhost' }],
  ['postgresql://', 'postgresql://u:x@127.0.0.1/quest', { user: 'u', database: 'quest' }],
  [
    "Supabase's pooler",
    'postgres://mirror_functions.abcd:x@aws-0-eu-west-1.pooler.supabase.com:6543/postgres',
    { user: 'mirror_functions.abcd', port: 6543 },
  ],
  ['a database that is encoded', url('x', '127.0.0.1/a%20b%2Fc'), { database: 'a b/c' }],
])('reads %s', (_case, text, expected) => {
  expect(parseDatabaseUrl(text)).toMatchObject(expected);
});

/** libpq: the first @ or / ends the login, whatever stands before it. Source: fe-connect.c. */
function asLibpqReads(text: string): { user: string; password: string; host: string } | null {
  const [, login, host] = /^postgres(?:ql)?:\/\/([^@/]*)@([^/?,:]*)/.exec(text) ?? [];
  const [user, ...password] = (login ?? '').split(':');
  if (host === undefined || user === undefined) return null;
  return { user, password: password.join(':'), host };
}

test('whatever is accepted, pg, WHATWG and libpq read the same way', () => {
  const character = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
  const password = fc.array(fc.oneof(character, fc.constantFrom('@', '/', '%41', '7')));
  let accepted = 0;
  fc.assert(
    fc.property(password, (characters) => {
      const text = url(characters.join(''));
      let read: ReturnType<typeof parseDatabaseUrl>;
      try {
        read = parseDatabaseUrl(text);
      } catch {
        return;
      }
      accepted += 1;
      const expected = { user: 'mirror_functions', host: '127.0.0.1' };
      expect(read).toMatchObject({ ...expected, port: 5432, database: 'quest' });
      const pg = new Client({ connectionString: text });
      expect(pg).toMatchObject({ ...expected, port: 5432, database: 'quest' });
      expect(pg.password || null).toBe(read.password);
      expect(decodeURIComponent(new URL(text).password) || null).toBe(read.password);
      const libpq = asLibpqReads(text);
      expect(libpq).toMatchObject(expected);
      expect(decodeURIComponent(libpq?.password ?? '') || null).toBe(read.password);
    }),
    { numRuns: 3_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});
