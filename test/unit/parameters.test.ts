import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  PARAMETERS,
  type Parameter,
  type ParameterName,
} from '../../functions/src/deploy/parameters';
import { complaintOf, read, rtdbConfig } from '../../functions/src/deploy/settings';
import { identityOf } from '../../functions/src/rtdb/rtdb-database';

/** The table of parameters is the one place that names them. In the manifest: test/deploy/. */

const ROOT = join(__dirname, '..', '..');
const ALL = Object.entries<Parameter<unknown>>(PARAMETERS);
const DEPLOYED = ALL.filter(([, { kind }]) => !['secret', 'environment'].includes(kind));

test("README's table has each parameter that is deployed, with its default and its meaning", () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\| (.+?) +\|$/gm)].map(
    ([, name, byDefault = '', meaning = '']) => ({
      name,
      default: byDefault.replaceAll('`', ''),
      meaning: meaning.replace(/: \[.*\)$/, '').replaceAll('`', ''),
    }),
  );
  expect(rows).toEqual(
    DEPLOYED.map(([name, { default: byDefault, description }]) => ({
      name,
      default: String(byDefault ?? '') || 'none',
      meaning: description,
    })),
  );
});

test('the demo project sets each, so that the emulator asks for none', () => {
  const file = readFileSync(join(ROOT, 'functions', '.env.demo-quests'), 'utf8');
  const names = [...file.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(names.sort()).toEqual(DEPLOYED.map(([name]) => name).sort());
});

test.each(ALL)('%s: its default is what it would be set to', (name, { default: byDefault }) => {
  const set = String(byDefault ?? '');
  expect(read({}, name as ParameterName)).toEqual(read({ [name]: set }, name as ParameterName));
});

test.each(ALL)('%s: what is wrong with it is told by its name, without a part of it', (name) => {
  const complaint = complaintOf({ [name]: ' MARKER;\u0000 ' }, name as ParameterName);
  expect(complaint).toMatch(new RegExp(`^${name} is not usable: .*expected`));
  expect(complaint).not.toContain('MARKER');
});

test.each([' ', '\n', '\r\n', '\ufeff', '\u200b'])(
  '%j around a value is not part of it',
  (blank) => {
    const padded = (value: string) => `${blank}${value}${blank}`;
    expect(read({ DATABASE_POOL_MAX: padded('3') }, 'DATABASE_POOL_MAX')).toBe(3);
    expect(read({ LOG_REFS: padded('True') }, 'LOG_REFS')).toBe(true);
    expect(read({ RTDB_REGION: padded('') }, 'RTDB_REGION')).toBe('us-central1');
    const env = { RTDB_INSTANCE: padded('mine'), RTDB_REGION: padded('europe-west1') };
    expect(rtdbConfig(env).database.origin).toBe('https://mine.europe-west1.firebasedatabase.app');
  },
);

test.each<[string, Record<string, string>, string]>([
  ['an instance', { RTDB_INSTANCE: 'mine' }, 'https://mine.firebaseio.com'],
  ['a URL', { RTDB_URL: 'https://mine.firebaseio.com/' }, 'https://mine.firebaseio.com'],
  [
    'a URL over an instance',
    { RTDB_URL: 'https://a.asia-southeast1.firebasedatabase.app', RTDB_INSTANCE: 'b' },
    'https://a.asia-southeast1.firebasedatabase.app',
  ],
  [
    'an emulator over an instance',
    { FIREBASE_DATABASE_EMULATOR_HOST: 'localhost:9000', RTDB_INSTANCE: 'a' },
    'http://localhost:9000',
  ],
])('RTDB is named by %s', (_case, env, origin) => {
  expect(rtdbConfig(env).database.origin).toBe(origin);
});

test.each<[string, Record<string, string>, object]>([
  ['an instance', { RTDB_INSTANCE: 'mine' }, { instance: 'mine', host: 'firebaseio.com' }],
  [
    'an instance of another region',
    { RTDB_INSTANCE: 'mine', RTDB_REGION: 'europe-west1' },
    { instance: 'mine', host: 'europe-west1.firebasedatabase.app' },
  ],
  [
    'a URL',
    { RTDB_URL: 'https://a.asia-southeast1.firebasedatabase.app' },
    { instance: 'a', host: 'asia-southeast1.firebasedatabase.app' },
  ],
  [
    'an emulator, whatever its port',
    { FIREBASE_DATABASE_EMULATOR_HOST: 'localhost:9000', RTDB_INSTANCE: 'a' },
    { instance: 'a', host: 'emulator' },
  ],
])('what events say of a database that is named by %s', (_case, env, identity) => {
  expect(identityOf(rtdbConfig(env).database)).toEqual(identity);
});

test.each<[string, Record<string, string>, string]>([
  ['nothing', {}, 'RTDB_INSTANCE is not set: expected the name of one database'],
  [
    'two databases at once',
    { FIREBASE_DATABASE_EMULATOR_HOST: 'localhost:9000', RTDB_URL: 'https://a.firebaseio.com' },
    'FIREBASE_DATABASE_EMULATOR_HOST and RTDB_URL each name a database',
  ],
  ['a pattern', { RTDB_INSTANCE: 'my-*' }, 'RTDB_INSTANCE is not set: expected the name of one'],
  ['a URL as instance', { RTDB_INSTANCE: 'https://x' }, 'RTDB_INSTANCE is not usable: expected'],
  [
    "another's host",
    { RTDB_URL: 'https://MARKER.example.com' },
    'RTDB_URL is not usable: expected',
  ],
  [
    'an address within it',
    { RTDB_URL: 'https://mine.firebaseio.com/MARKER' },
    'RTDB_URL is not usable',
  ],
  [
    'the name of another in its address',
    { RTDB_URL: 'https://s-usc1c-nss-1.firebaseio.com/?ns=MARKER' },
    'RTDB_URL is not usable',
  ],
  [
    'an address with a login',
    { RTDB_URL: 'https://x:MARKER@mine.firebaseio.com' },
    'RTDB_URL is not usable',
  ],
  ['another port', { RTDB_URL: 'https://mine.firebaseio.com:8443' }, 'RTDB_URL is not usable'],
  [
    'an emulator at a port that is none',
    { FIREBASE_DATABASE_EMULATOR_HOST: 'localhost:99999' },
    'FIREBASE_DATABASE_EMULATOR_HOST is not usable: expected host:port',
  ],
  [
    'a region that is none',
    { RTDB_INSTANCE: 'x', RTDB_REGION: 'x/y' },
    'RTDB_REGION is not usable',
  ],
  [
    'an emulator with a scheme',
    { FIREBASE_DATABASE_EMULATOR_HOST: 'http://localhost:9000' },
    'FIREBASE_DATABASE_EMULATOR_HOST is not usable: expected host:port',
  ],
])('RTDB is not named by %s', (_case, env, message) => {
  expect(() => rtdbConfig(env)).toThrow(message);
  expect(() => rtdbConfig(env)).not.toThrow('MARKER');
});

test.each([
  'https://x:MARKER@a.co/auth/v1',
  'https://a.co/auth/v1?x=MARKER',
  'https://a.co/#MARKER',
])('an issuer that no address of keys can be made of: %s', (issuer) => {
  const complaint = complaintOf({ SUPABASE_JWT_ISSUER: issuer }, 'SUPABASE_JWT_ISSUER');
  expect(complaint).toMatch(/^SUPABASE_JWT_ISSUER is not usable: expected/);
  expect(complaint).not.toContain('MARKER');
});
