import { PATHS } from '../../functions/src/app-paths';
import {
  grantsCheck,
  rowSecurityCheck,
  type TableAccess,
} from '../../functions/src/cli/doctor/access-checks';
import {
  loginCheck,
  poolerCheck,
  tlsCheck,
  versionCheck,
} from '../../functions/src/cli/doctor/database-checks';
import { pathsCheck } from '../../functions/src/cli/doctor/paths-check';
import {
  fanOutCheck,
  rulesCheck,
  strictnessCheck,
} from '../../functions/src/cli/doctor/rtdb-checks';
import { parametersCheck } from '../../functions/src/cli/doctor/settings-checks';
import { declarationHash } from '../../functions/src/paths/define-path';
import { clientConfig } from '../../functions/src/postgres/client-config';

const SERVER = 'postgres://u:p@db.example.com:5432/q';

test.each([
  [SERVER, undefined, 'verified against public authorities'],
  [SERVER, 'a certificate', 'verified against DATABASE_CA'],
  ['postgres://u:p@127.0.0.1:5432/q', undefined, '127.0.0.1 is this machine: none is needed'],
  [`${SERVER}?sslmode=require`, undefined, 'verified against public authorities'],
])('TLS of %s with authority %s: %s', (url, authority, finding) => {
  expect(tlsCheck(clientConfig(url, authority))).toEqual({ status: 'ok', finding });
});

test.each([
  ['direct', 'ok'],
  ['transaction', 'ok'],
  ['session', 'warn'],
] as const)('a pooler in mode %s: %s', (mode, status) => {
  expect(poolerCheck(mode).status).toBe(status);
});

test.each<[string, Record<string, string>, Record<string, string>, string, string]>([
  ['nothing', {}, {}, 'ok', 'each is'],
  ['what it should be', { RTDB_INSTANCE: 'x', RETENTION_DAYS: '30' }, {}, 'ok', 'each is'],
  [
    'a word',
    { DATABASE_POOL_MAX: 'many' },
    {},
    'fail',
    'DATABASE_POOL_MAX is not usable: expected',
  ],
  ['a path', { DATABASE_CA: '/etc/ca.pem' }, {}, 'fail', 'DATABASE_CA is not usable: expected'],
  [
    'two that are wrong',
    { LOG_REFS: 'x', RECONCILE_DAYS: '0' },
    {},
    'fail',
    'LOG_REFS is not usable: expected true or false; RECONCILE_DAYS is not usable',
  ],
  [
    'the secret',
    { QUEST_MIRROR_DATABASE_URL: 'postgres://u:p@h/x' },
    {},
    'fail',
    'QUEST_MIRROR_DATABASE_URL is in an .env',
  ],
  ['a name that is misspelt', { RETENTON_DAYS: '3' }, {}, 'warn', 'nothing reads RETENTON_DAYS'],
  ['the name of an ancestor', { constructor: 'x' }, {}, 'warn', 'nothing reads constructor'],
  [
    'another region than the terminal',
    { RTDB_REGION: 'europe-west1' },
    { RTDB_REGION: 'us-central1' },
    'warn',
    'another RTDB_REGION than this terminal',
  ],
])('parameters that hold %s', (_case, values, here, status, finding) => {
  const diagnosis = parametersCheck(values, here);
  expect(diagnosis.status).toBe(status);
  expect(diagnosis.finding).toContain(finding);
});

const WRITER = (privilege: string) => ({ grantee: 'quest_mirror_writer', privilege });
const ALL = ['SELECT', 'INSERT', 'UPDATE'].map(WRITER);

const tables = (changes: Partial<TableAccess> = {}): TableAccess[] => [
  ...[
    ...['canaries', 'client_claims', 'coverage', 'divergence_log', 'locks'],
    ...['listings', 'rates', 'reading_sums', 'readings', 'suspects'],
  ].map((name) => ({
    name: `mirror.${name}`,
    hasRowSecurity: true,
    grants: ALL,
    writerPolicies: ['r', 'a', 'w'],
  })),
  ...['identity'].map((name) => ({
    name: `mirror.${name}`,
    hasRowSecurity: true,
    grants: [WRITER('SELECT'), WRITER('INSERT')],
    writerPolicies: ['r', 'a'],
  })),
  ...['backfills', 'direct_writes', 'erased', 'hourly_arrivals', 'paths'].map((name) => ({
    name: `mirror.${name}`,
    hasRowSecurity: true,
    grants: [WRITER('SELECT')],
    writerPolicies: ['r'],
  })),
  {
    name: 'rtdb.quest_completions',
    hasRowSecurity: true,
    grants: [...ALL, { grantee: 'authenticated', privilege: 'SELECT' }],
    writerPolicies: ['r', 'a', 'w'],
    ...changes,
  },
];

test.each<[string, Partial<TableAccess>, string]>([
  ['as the migrations leave them', {}, 'ok'],
  ['delete for the writer', { grants: [...ALL, WRITER('DELETE')] }, 'may delete'],
  ['truncate for the writer', { grants: [...ALL, WRITER('TRUNCATE')] }, 'may truncate'],
  ['too little', { grants: [WRITER('SELECT')] }, 'quest_mirror_writer may not insert'],
  [
    'everything for everybody',
    { grants: [...ALL, { grantee: 'public', privilege: 'SELECT' }] },
    'public may select',
  ],
  [
    'what Supabase gives by default',
    { grants: [...ALL, { grantee: 'anon', privilege: 'TRUNCATE' }] },
    'anon may truncate',
  ],
  [
    'more than reading for the reader',
    { grants: [...ALL, { grantee: 'quest_mirror_reader', privilege: 'UPDATE' }] },
    'quest_mirror_reader may update',
  ],
  [
    'what the mirror’s other roles have',
    {
      grants: [
        ...ALL,
        { grantee: 'quest_mirror_reader', privilege: 'SELECT' },
        ...['SELECT', 'INSERT'].map((privilege) => ({ grantee: 'quest_mirror_api', privilege })),
      ],
    },
    'ok',
  ],
  ['another role of the team', { grants: [...ALL, { grantee: 'bi', privilege: 'SELECT' }] }, 'ok'],
])('grants: %s', (_name, changes, found) => {
  const { status, finding } = grantsCheck(tables(changes));
  expect(found === 'ok' ? status : finding).toContain(found);
});

test('row level security that is off, or that shuts the writer out, fails', () => {
  expect(rowSecurityCheck(tables()).status).toBe('ok');
  expect(rowSecurityCheck(tables({ hasRowSecurity: false })).finding).toContain(
    'off on rtdb.quest_completions',
  );
  expect(rowSecurityCheck(tables({ writerPolicies: ['r'] })).finding).toContain(
    'no policy lets the writer insert on rtdb.quest_completions, update on',
  );
  expect(rowSecurityCheck([]).status).toBe('fail');
});

const LOGIN = {
  version: '18.4',
  versionNumber: 180_004,
  isSuperuser: false,
  bypassesRowSecurity: false,
  isWriter: true,
  mayDestroy: false,
  mayCreate: false,
};

test.each([
  [{}, 'ok'],
  [{ isWriter: false }, 'fail'],
  [{ mayDestroy: true }, 'warn'],
  [{ isSuperuser: true, isWriter: false }, 'warn'],
])('a login that has %j: %s', (changes, status) => {
  expect(loginCheck({ ...LOGIN, ...changes }).status).toBe(status);
});

test.each([
  ['14.19', 140_019, 'fail', 'version 14.19 is too old'],
  ['15.0', 150_000, 'ok', 'answers, version 15.0'],
  ['18.4', 180_004, 'ok', 'answers, version 18.4'],
])('a server of version %s', (version, versionNumber, status, finding) => {
  expect(versionCheck({ version, versionNumber })).toMatchObject({ status, finding });
});

const CLOSED = { rules: { '.read': false, '.write': false, daily_quests: {} } };

test.each<[string, unknown, string]>([
  ['ours, which shut phones out', CLOSED, 'warn'],
  ['others', { rules: { '.read': 'auth != null', '.write': false } }, 'warn'],
  ['open ones', { rules: { '.read': true, '.write': false } }, 'warn'],
  ['none', null, 'fail'],
])('rules: %s', (_name, deployed, status) => {
  const files = [{ name: 'database.rules.json', rules: CLOSED }];
  expect(rulesCheck(deployed, files, PATHS).status).toBe(status);
});

test('strict validation that is off is told of', () => {
  expect(strictnessCheck(true).status).toBe('ok');
  expect(strictnessCheck(false).status).toBe('warn');
});

test.each([
  [500, 500, 'ok'],
  [500, 501, 'warn'],
  [501, 501, 'fail'],
])('%i completions under a day, %i under a couple: %s', (ofDay, ofCouple, status) => {
  expect(fanOutCheck({ ofDay, ofCouple, couplesRead: 1, couples: 1 }).status).toBe(status);
});

test('paths: each is migrated as it is declared, and what nobody declares is said', () => {
  const migrated = PATHS.map((path) => {
    return { path: path.name, hash: declarationHash(path), hasTable: true };
  });
  const judge = (change: object | null) =>
    pathsCheck(
      PATHS,
      migrated.flatMap((one) => (one.path !== 'steps' ? one : change ? { ...one, ...change } : [])),
    );
  expect(judge({}).status).toBe('ok');
  expect(judge(null)).toMatchObject({
    ...{ status: 'fail', finding: 'steps is declared, but not migrated' },
  });
  expect(judge({ hasTable: false }).finding).toBe('steps has lost its table');
  expect(judge({ hash: '' }).finding).toBe(
    'the declaration of steps has changed since it was migrated',
  );
  const more = [...migrated, { path: 'notes', hash: '', hasTable: true }];
  expect(pathsCheck(PATHS, more)).toMatchObject({
    ...{ status: 'ok', finding: expect.stringMatching(/declared; Postgres also has notes$/) },
  });
});
