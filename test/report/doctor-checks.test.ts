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
import { type Deployment, rewritesOf } from '../../functions/src/cli/doctor/deployment';
import {
  instanceCheck,
  regionCheck,
  regionOfUrl,
  retryCheck,
  rewriteCheck,
  triggerOf,
} from '../../functions/src/cli/doctor/deployment-checks';
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

const deploymentOf = (values: Record<string, string>, retry = true): Deployment => ({
  project: 'my-project',
  values,
  rewrites: [],
  manifest: {
    endpoints: {
      api: { region: ['{{ params.RTDB_REGION }}'] },
      mirrorQuestCompletion: {
        region: '{{ params.RTDB_REGION }}',
        eventTrigger: {
          retry,
          eventFilterPathPatterns: { instance: '{{ params.RTDB_INSTANCE }}' },
        },
      },
    },
    params: [{ name: 'RTDB_REGION', default: 'us-central1' }, { name: 'RTDB_INSTANCE' }],
  },
});

const trigger = (values: Record<string, string>, retry?: boolean) => {
  const found = triggerOf(deploymentOf(values, retry));
  if (found === null) throw new Error('no trigger');
  return found;
};

test('the trigger has the parameters of its project, or their defaults', () => {
  expect(trigger({ RTDB_INSTANCE: 'my-project-default-rtdb' })).toEqual({
    region: 'us-central1',
    instance: 'my-project-default-rtdb',
    retry: true,
  });
});

test('events that are not retried fail', () => {
  expect(retryCheck(trigger({})).status).toBe('ok');
  expect(retryCheck(trigger({}, false)).status).toBe('fail');
});

test.each<[Record<string, string>, string, string]>([
  [{ RTDB_INSTANCE: 'my-project-default-rtdb' }, 'my-project', 'ok'],
  [{ RTDB_INSTANCE: '*' }, 'my-project', 'fail'],
  [{}, 'my-project', 'fail'],
  [{ RTDB_INSTANCE: '*' }, 'demo-quests', 'skipped'],
])('an instance given by %j in %s: %s', (values, project, status) => {
  expect(instanceCheck(trigger(values), project).status).toBe(status);
});

test('a trigger in another region than its database fails', () => {
  const here = trigger({ RTDB_REGION: 'europe-west1' });
  const url = 'https://x.europe-west1.firebasedatabase.app';
  expect(regionCheck(here, regionOfUrl(url) ?? '').status).toBe('ok');
  expect(regionCheck(here, regionOfUrl('https://x.firebaseio.com') ?? '')).toMatchObject({
    status: 'fail',
    finding: 'the trigger is in europe-west1, the database in us-central1',
  });
});

const api = (region?: string) => ({ function: { functionId: 'api', region } });

test.each<[string, unknown, string, string]>([
  ['where it is', { rewrites: [api('europe-west1')] }, 'ok', 'hosting finds api'],
  ['wherever it is', { rewrites: [api(), { function: 'api' }] }, 'ok', 'hosting finds api, api'],
  [
    'in another region, by text',
    { rewrites: [{ function: 'api', region: 'asia-east1' }] },
    'fail',
    'hosting looks for api in asia-east1, it is in europe-west1',
  ],
  [
    'in another region',
    [{ rewrites: [{ source: '/', destination: '/index.html' }, api('us-central1')] }],
    'fail',
    'hosting looks for api in us-central1, it is in europe-west1',
  ],
  [
    'by another name',
    { rewrites: [{ function: 'old' }] },
    'fail',
    'hosting leads to old, which is not among the functions',
  ],
  ['not at all', undefined, 'ok', 'hosting leads to no function'],
])('hosting leads to the API %s', (_name, hosting, status, finding) => {
  const rewrites = rewritesOf(JSON.stringify({ hosting }));
  const deployment = { ...deploymentOf({ RTDB_REGION: 'europe-west1' }), rewrites };
  expect(rewriteCheck(deployment)).toMatchObject({ status, finding });
});

test('a firebase.json with comments is not judged', () => {
  const rewrites = rewritesOf('{ /* here */ }');
  expect(rewriteCheck({ ...deploymentOf({}), rewrites }).status).toBe('skipped');
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
    ...['reconcile_runs', 'reconcile_shards'],
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
  ...['backfills', 'direct_writes', 'hourly_arrivals', 'paths'].map((name) => ({
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
  ['ours', CLOSED, 'ok'],
  ['others', { rules: { '.read': 'auth != null', '.write': false } }, 'warn'],
  ['open ones', { rules: { '.read': true, '.write': false } }, 'fail'],
  ['none', null, 'fail'],
])('rules: %s', (_name, deployed, status) => {
  expect(rulesCheck(deployed, CLOSED).status).toBe(status);
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
