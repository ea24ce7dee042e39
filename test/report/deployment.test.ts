import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { type Codebase, envFileOf, findCodebase } from '../../functions/src/cli/doctor/codebase';
import { connectionsCheck, connectionsOf } from '../../functions/src/cli/doctor/connections-check';
import {
  type DeployedFunction,
  deployedCheck,
} from '../../functions/src/cli/doctor/deployed-check';
import { type Deployment, rewritesOf } from '../../functions/src/cli/doctor/deployment';
import {
  exportedCheck,
  instanceCheck,
  regionCheck,
  regionOfUrl,
  retryCheck,
  rewriteCheck,
  triggersOf,
} from '../../functions/src/cli/doctor/deployment-checks';
import { loadFirebaseTools } from '../../functions/src/cli/doctor/firebase-tools';
import { secretCheck } from '../../functions/src/cli/doctor/secret-check';
import { flagCheck } from '../../functions/src/cli/doctor/settings-checks';
import { PACKAGE_FOLDER } from '../../functions/src/cli/folders';
import { ruleOfParameter } from '../../functions/src/flag/flag-rule';

/** What would be deployed, against what is: direct, with a prefix, and as instances of a kit. */

const DIRECT: Codebase = {
  ...{ source: '/p/functions', configDir: '/p/functions', codebase: 'quest-mirror' },
  ...{ prefix: '', instance: null, isOneOfSeveral: false },
};
const KIT: Codebase = {
  ...DIRECT,
  codebase: 'staging',
  prefix: 'kit-staging-',
  instance: 'staging',
};
const REF = 'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}';

const deploymentOf = (
  values: Record<string, string>,
  { retry = true, codebase = DIRECT }: { retry?: boolean; codebase?: Codebase } = {},
): Deployment => ({
  ...{ project: 'my-project', codebase, values, rewrites: [] },
  envFile: 'functions/.env.my-project',
  manifest: {
    endpoints: {
      mirrorApi: { region: ['{{ params.RTDB_REGION }}'], maxInstances: 10 },
      mirrorQuestCompletion: {
        region: '{{ params.RTDB_REGION }}',
        maxInstances: '{{ params.MAX_INSTANCES }}',
        eventTrigger: {
          ...{ eventType: 'google.firebase.database.ref.v1.written', retry },
          eventFilterPathPatterns: { ref: REF, instance: '{{ params.RTDB_INSTANCE }}' },
        },
      },
    },
    params: [
      { name: 'RTDB_REGION', default: 'us-central1' },
      { name: 'RTDB_INSTANCE' },
      { name: 'MAX_INSTANCES', default: 20 },
    ],
  },
});

const triggers = (values: Record<string, string>, retry?: boolean) =>
  triggersOf(deploymentOf(values, retry === undefined ? {} : { retry }));

test('a trigger has the parameters of its project, or their defaults', () => {
  expect(triggers({ RTDB_INSTANCE: 'my-project-default-rtdb' })).toEqual([
    {
      ...{ name: 'mirrorQuestCompletion', ref: REF, region: 'us-central1', retry: true },
      instance: 'my-project-default-rtdb',
    },
  ]);
});

test('events that are not retried fail', () => {
  expect(retryCheck(triggers({})).status).toBe('ok');
  expect(retryCheck(triggers({}, false))).toMatchObject({
    status: 'fail',
    finding: 'failed events are lost: mirrorQuestCompletion',
  });
});

test.each<[Record<string, string>, string, string]>([
  [{ RTDB_INSTANCE: 'my-project-default-rtdb' }, 'my-project', 'ok'],
  [{ RTDB_INSTANCE: '*' }, 'my-project', 'fail'],
  [{}, 'my-project', 'fail'],
  [{ RTDB_INSTANCE: '*' }, 'demo-quests', 'skipped'],
])('an instance given by %j in %s: %s', (values, project, status) => {
  const envFile = `config-live/.env.${project}`;
  const { status: found, advice } = instanceCheck(triggers(values), { project, envFile });
  expect(found).toBe(status);
  if (found === 'fail') expect(advice).toBe(`set RTDB_INSTANCE in ${envFile}`);
});

test('a trigger in another region than its database fails', () => {
  const here = triggers({ RTDB_REGION: 'europe-west1' });
  const url = 'https://x.europe-west1.firebasedatabase.app';
  expect(regionCheck(here, regionOfUrl(url) ?? '').status).toBe('ok');
  expect(regionCheck(here, regionOfUrl('https://x.firebaseio.com') ?? '')).toMatchObject({
    status: 'fail',
    finding: 'mirrorQuestCompletion is in europe-west1, the database in us-central1',
  });
});

const [completions, dailyQuests] = PATHS;

test.each<[string, Parameters<typeof exportedCheck>[0], string, string]>([
  ['each', [completions], 'ok', 'a trigger for each of 1 paths'],
  [
    'one is missing',
    [completions, dailyQuests],
    'fail',
    'mirrorDailyQuests of daily_quests is not exported',
  ],
  [
    'another ref',
    [{ ...completions, ref: 'daily_quests/{a}' }],
    'fail',
    `listens to ${REF}, not to daily_quests/{a}`,
  ],
  ['one more than declared', [], 'warn', 'no declared path has mirrorQuestCompletion'],
])('what is exported of what is declared: %s', (_name, declared, status, finding) => {
  const found = exportedCheck(declared, triggers({}));
  expect([found.status, found.finding]).toEqual([status, expect.stringContaining(finding)]);
});

describe('hosting', () => {
  const api = (region?: string) => ({ function: { functionId: 'mirrorApi', region } });
  const check = (hosting: unknown, codebase = DIRECT) => {
    const rewrites = rewritesOf(JSON.stringify({ hosting }));
    return rewriteCheck({
      ...deploymentOf({ RTDB_REGION: 'europe-west1' }, { codebase }),
      rewrites,
    });
  };

  test.each<[string, unknown, string, string]>([
    ['where it is', { rewrites: [api('europe-west1')] }, 'ok', 'hosting finds mirrorApi'],
    [
      'wherever it is',
      { rewrites: [api(), { function: 'mirrorApi' }] },
      'ok',
      'hosting finds mirrorApi, mirrorApi',
    ],
    [
      'in another region, by text',
      { rewrites: [{ function: 'mirrorApi', region: 'asia-east1' }] },
      'fail',
      'hosting looks for mirrorApi in asia-east1, it is in europe-west1',
    ],
    [
      'in another region',
      [{ rewrites: [{ source: '/', destination: '/index.html' }, api('us-central1')] }],
      'fail',
      'hosting looks for mirrorApi in us-central1, it is in europe-west1',
    ],
    [
      'by another name',
      { rewrites: [{ function: 'old' }] },
      'fail',
      'hosting leads to old, which is not among the functions',
    ],
    ['not at all', undefined, 'ok', 'hosting leads to no function of the mirror'],
  ])('leads to the API %s', (_name, hosting, status, finding) => {
    const found = check(hosting);
    expect([found.status, found.finding]).toEqual([status, expect.stringContaining(finding)]);
  });

  test("a team's own functions are its own, and a prefix is part of an id", () => {
    const kit = { ...KIT, isOneOfSeveral: true };
    const rewrites = [
      { function: 'api' },
      { function: 'kit-staging-mirrorApi', region: 'asia-east1' },
    ];
    expect(check({ rewrites }, kit).finding).toContain(
      'looks for kit-staging-mirrorApi in asia-east1',
    );
    expect(check({ rewrites: [{ function: 'api' }] }, kit).status).toBe('ok');
  });

  test('a firebase.json with comments is not judged', () => {
    const rewrites = rewritesOf('{ /* here */ }');
    expect(rewriteCheck({ ...deploymentOf({}), rewrites }).status).toBe('skipped');
  });
});

const INSTANCE = { RTDB_INSTANCE: 'mine' };

/** As Google lists one that was deployed from this manifest. */
const deployed = (id: string, more: Partial<DeployedFunction> = {}): DeployedFunction => ({
  name: `projects/my-project/locations/us-central1/functions/${id}`,
  state: 'ACTIVE',
  labels: { 'firebase-functions-codebase': id.startsWith('kit-') ? 'staging' : 'quest-mirror' },
  ...(id.includes('Quest')
    ? {
        eventTrigger: {
          retryPolicy: 'RETRY_POLICY_RETRY',
          eventFilters: [
            { attribute: 'ref', value: REF },
            { attribute: 'instance', value: 'mine' },
          ],
        },
      }
    : {}),
  ...more,
});
const eventTrigger = (ref: string, retryPolicy = 'RETRY_POLICY_RETRY') => ({
  retryPolicy,
  eventFilters: [
    { attribute: 'ref', value: ref },
    { attribute: 'instance', value: 'mine' },
  ],
});
const secretOf = (secret: string) => ({
  serviceConfig: { secretEnvironmentVariables: [{ key: 'QUEST_MIRROR_DATABASE_URL', secret }] },
});
const TEAMS = deployed('api', { labels: { 'firebase-functions-codebase': 'default' } });

test.each<[string, DeployedFunction[], string, string]>([
  [
    'all',
    [TEAMS, deployed('mirrorApi'), deployed('mirrorQuestCompletion')],
    'ok',
    'all 2 are there',
  ],
  ['none', [TEAMS], 'fail', 'none of 2 functions is there'],
  ['one missing', [deployed('mirrorApi')], 'fail', 'mirrorQuestCompletion is not there'],
  [
    'one that failed',
    [deployed('mirrorApi', { state: 'FAILED' }), deployed('mirrorQuestCompletion')],
    'fail',
    'mirrorApi is FAILED',
  ],
  [
    'one of the team’s by our name',
    [deployed('mirrorApi', { labels: {} }), deployed('mirrorQuestCompletion')],
    'fail',
    'mirrorApi is of another codebase (default), and a deploy would replace it',
  ],
  [
    'another ref',
    [
      deployed('mirrorApi'),
      deployed('mirrorQuestCompletion', { eventTrigger: eventTrigger('x/{y}') }),
    ],
    'fail',
    `mirrorQuestCompletion listens to ref x/{y}, not to ${REF}`,
  ],
  [
    'no retry',
    [
      deployed('mirrorApi'),
      deployed('mirrorQuestCompletion', {
        eventTrigger: eventTrigger(REF, 'RETRY_POLICY_DO_NOT_RETRY'),
      }),
    ],
    'fail',
    "mirrorQuestCompletion doesn't retry",
  ],
  [
    'another secret',
    [deployed('mirrorApi', secretOf('DATABASE_URL')), deployed('mirrorQuestCompletion')],
    'fail',
    'they read the secret DATABASE_URL, not QUEST_MIRROR_DATABASE_URL',
  ],
  [
    'one that nobody declares any more',
    [deployed('mirrorApi'), deployed('mirrorQuestCompletion'), deployed('mirrorOld')],
    'warn',
    'nobody declares mirrorOld any more',
  ],
])('what is deployed: %s', (_name, found, status, finding) => {
  const diagnosis = deployedCheck(deploymentOf(INSTANCE), found);
  expect([diagnosis.status, diagnosis.finding]).toEqual([status, expect.stringContaining(finding)]);
});

test('an instance of a kit is looked for by its prefix, and another one is none of its business', () => {
  const deployment = deploymentOf(INSTANCE, { codebase: KIT });
  const own = ['mirrorApi', 'mirrorQuestCompletion'].map((name) => deployed(`kit-staging-${name}`));
  const other = deployed('kit-live-mirrorApi', {
    labels: { 'firebase-functions-codebase': 'live' },
  });
  expect(deployedCheck(deployment, [...own, other, deployed('mirrorApi')]).status).toBe('ok');
  expect(deployedCheck(deployment, [other, deployed('mirrorApi')]).finding).toContain('none of 2');
});

const BINDING = 'FIREBASE_SECRET_REF_QUEST_MIRROR_DATABASE_URL';

test.each<[string, Codebase, Record<string, string>, string, string]>([
  ['direct', DIRECT, {}, 'ok', 'the functions read QUEST_MIRROR_DATABASE_URL'],
  ['direct, bound', DIRECT, { [BINDING]: 'MINE:3' }, 'ok', 'the functions read MINE'],
  ['a prefix that is no kit’s', { ...DIRECT, prefix: 'app-' }, {}, 'ok', 'read QUEST_MIRROR'],
  ['a kit, bound', KIT, { [BINDING]: 'QUEST_MIRROR_DATABASE_URL' }, 'ok', 'read QUEST_MIRROR'],
  [
    'a kit, bound by its full name',
    KIT,
    { [BINDING]: 'projects/my-project/secrets/A/versions/latest' },
    'ok',
    'read A',
  ],
  [
    'a kit, not bound',
    KIT,
    {},
    'warn',
    'it would be kit-staging-QUEST_MIRROR_DATABASE_URL, which functions:secrets:set refuses',
  ],
  [
    'the secret itself in its place',
    KIT,
    { [BINDING]: 'postgres://u:MARKER@h/x' },
    'fail',
    'names no secret',
  ],
])('the secret: %s', (_name, codebase, values, status, finding) => {
  const diagnosis = secretCheck({ codebase, values, envFile: 'config-staging/.env.my-project' });
  expect([diagnosis.status, diagnosis.finding]).toEqual([status, expect.stringContaining(finding)]);
  expect(JSON.stringify(diagnosis)).not.toContain('MARKER');
  if (status === 'warn') {
    expect(diagnosis.advice).toContain(
      `add ${BINDING}=QUEST_MIRROR_DATABASE_URL to config-staging/.env.my-project`,
    );
  }
});

test('connections: instances times what each may hold, against what the login may have', () => {
  const deployment = deploymentOf({ DATABASE_POOL_MAX: '2', MAX_INSTANCES: '30' });
  deployment.manifest.endpoints.mirrorCanary = { maxInstances: 1 };
  const functions = connectionsOf(deployment);
  expect(functions).toEqual([
    { name: 'mirrorQuestCompletion', most: 60 },
    { name: 'mirrorApi', most: 20 },
    { name: 'mirrorCanary', most: 2 },
  ]);
  const limits = { ofServer: 97, ofLogin: null, ofDatabase: null };
  const check = (more: object, mode: Parameters<typeof connectionsCheck>[2] = 'direct') =>
    connectionsCheck(functions, { ...limits, ...more }, mode);
  expect(check({})).toMatchObject({
    status: 'ok',
    finding: expect.stringContaining('up to 82 (mirrorQuestCompletion 60, mirrorApi 20, …) of 97'),
  });
  expect(check({ ofLogin: 50 })).toMatchObject({
    status: 'warn',
    finding: expect.stringContaining('this login may have 50'),
    advice: expect.stringContaining('MAX_INSTANCES'),
  });
  expect(check({ ofServer: 60 }, 'session').status).toBe('warn');
  expect(check({ ofServer: 60 }, 'transaction').status).toBe('ok');
});

test('a flag that nobody has turned on is said to be so', () => {
  expect(flagCheck(ruleOfParameter(false))).toMatchObject({
    status: 'warn',
    finding: 'off: nobody has turned it on',
  });
  expect(flagCheck(ruleOfParameter(true)).status).toBe('ok');
  expect(flagCheck(ruleOfParameter(false, "Remote Config can't be read")).finding).toContain(
    "off, by the parameter of the deployment: Remote Config can't be read",
  );
});

describe('which functions of firebase.json are the mirror’s', () => {
  let root: string;

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'quest-mirror-codebase-')));
    for (const wrapper of ['mirror', 'other']) {
      mkdirSync(join(root, wrapper, 'node_modules'), { recursive: true });
    }
    symlinkSync(PACKAGE_FOLDER, join(root, 'mirror/node_modules/quest-mirror'), 'junction');
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const find = (functions: unknown, instance?: string) => {
    writeFileSync(join(root, 'firebase.json'), JSON.stringify({ functions }));
    return findCodebase(root, loadFirebaseTools(), instance);
  };
  const TEAM = { source: 'other', codebase: 'default' };
  const kit = (...names: string[]) => ({
    ...{ kit: 'quest-mirror', source: 'mirror' },
    instances: Object.fromEntries(names.map((name) => [name, `mirror/config-${name}`])),
  });

  test('a codebase that has the package as a dependency', () => {
    const found = find([TEAM, { source: 'mirror', codebase: 'qm', prefix: 'app' }]);
    expect(found).toEqual({
      ...{ source: join(root, 'mirror'), configDir: join(root, 'mirror') },
      ...{ codebase: 'qm', prefix: 'app-', instance: null, isOneOfSeveral: true },
    });
  });

  test('the instance of a kit, with its own files', () => {
    const found = find([TEAM, kit('staging')]);
    expect(found).toEqual({
      ...{ source: join(root, 'mirror'), configDir: join(root, 'mirror/config-staging') },
      ...{ codebase: 'staging', prefix: 'kit-staging-', instance: 'staging', isOneOfSeveral: true },
    });
    expect(envFileOf(root, found, 'my-project')).toBe('mirror/config-staging/.env.my-project');
  });

  test('of several instances one has to be named', () => {
    expect(() => find(kit('live', 'staging'))).toThrow('--instance: expected one of live, staging');
    expect(find(kit('live', 'staging'), 'live').prefix).toBe('kit-live-');
    expect(() => find(kit('live', 'staging'), 'test')).toThrow('--instance: expected one of');
  });

  test.each<[string, unknown]>([
    ['functions of others alone', [TEAM]],
    ['none', undefined],
  ])('%s: there is nothing to look at yet', (_name, functions) => {
    expect(() => find(functions)).toThrow('firebase.json has no functions of this package');
  });

  test('what firebase-tools refuses is refused in its words', () => {
    expect(() => find({ source: 'mirror', prefix: 'A-' })).toThrow(
      /^firebase\.json: Invalid prefix/,
    );
  });
});
