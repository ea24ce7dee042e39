import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { z } from 'zod';
import { PATHS } from '../../functions/src/app-paths';
import { SERVICES } from '../../functions/src/paths/check-paths';
import { node22 } from '../support/runtime';

/** What `firebase deploy --only functions` plans for a project that has functions of its own. */

const ROOT = join(__dirname, '..', '..');
const FUNCTIONS = join(ROOT, 'functions');
const DISCOVERY = join(FUNCTIONS, 'node_modules/firebase-functions/lib/bin/firebase-functions.js');
const REGION = 'us-central1';
const OURS = [...PATHS.map(({ trigger }) => trigger), ...SERVICES];

const planSchema = z.object({
  changes: z.object({
    create: z.array(z.string()),
    update: z.array(z.string()),
    delete: z.array(z.string()),
  }),
  secrets: z.record(z.string(), z.array(z.string())),
  environment: z.array(z.string()),
  serviceAccount: z.string().optional(),
  roles: z.array(z.string()).optional(),
});

const manifestSchema = z.looseObject({
  endpoints: z.record(z.string(), z.looseObject({})),
  params: z.array(z.looseObject({ name: z.string(), default: z.unknown().optional() })),
});

let manifest: z.infer<typeof manifestSchema>;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-plan-'));
  const file = join(folder, 'manifest.json');
  await promisify(execFile)(node22(), [DISCOVERY, FUNCTIONS], {
    cwd: FUNCTIONS,
    env: { GCLOUD_PROJECT: 'team-app', FUNCTIONS_MANIFEST_OUTPUT_PATH: file },
  });
  manifest = manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  rmSync(folder, { recursive: true });
});

interface Endpoint {
  id: string;
  codebase?: string;
  [field: string]: unknown;
}

/** As firebase-tools finds one that is deployed. */
const deployed = (id: string, codebase: string | undefined, more: object = {}): Endpoint => ({
  ...{ id, entryPoint: id, platform: 'gcfv2', region: REGION, runtime: 'nodejs22' },
  labels: {
    'deployment-tool': 'cli-firebase',
    ...(codebase === undefined ? {} : { 'firebase-functions-codebase': codebase }),
  },
  ...(codebase === undefined ? {} : { codebase }),
  state: 'ACTIVE',
  serviceAccount: 'team@team-app.example',
  httpsTrigger: {},
  ...more,
});

/** The team's own: a default codebase, another one, what gcloud deployed, and a secret of a common name. */
const TEAM: Endpoint[] = [
  deployed('api', 'default', {
    secretEnvironmentVariables: [{ key: 'DATABASE_URL', secret: 'DATABASE_URL' }],
  }),
  deployed('dashboard', 'default'),
  deployed('canary', undefined),
  deployed('reconcile', 'admin'),
  deployed('mirror', 'default'),
];

interface Request {
  codebase?: string;
  prefix?: string;
  instanceId?: string;
  only?: string;
  have: Endpoint[];
}

async function plan({ codebase = 'quest-mirror', only = 'functions', ...request }: Request) {
  const values = manifest.params.map(({ name, default: value }) => [name, String(value ?? '')]);
  const userEnvs = { ...Object.fromEntries(values), RTDB_INSTANCE: 'team-app-default-rtdb' };
  const child = spawn(node22(), [join(__dirname, 'support/plan-deploy.cjs')], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(
    JSON.stringify({ manifest, project: 'team-app', userEnvs, codebase, only, ...request }),
  );
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (out === '') throw new Error(errors);
  return planSchema.parse(JSON.parse(out));
}

const named = (ids: readonly string[]) => ids.map((id) => `${id}(${REGION})`).sort();

test('beside functions of a team it creates its own, and touches no other', async () => {
  const { changes, secrets, environment, serviceAccount, roles } = await plan({ have: TEAM });
  expect(changes).toEqual({ create: named(OURS), update: [], delete: [] });
  expect(Object.keys(secrets)).toEqual(['QUEST_MIRROR_DATABASE_URL']);
  expect(environment).not.toContain('FIREBASE_KIT_INSTANCE_ID');
  // One account of its own, with what it needs and no more.
  expect(serviceAccount).toBe('firebase-fn-1@team-app.example');
  expect(roles?.sort()).toEqual([
    'roles/cloudconfig.viewer',
    'roles/eventarc.eventReceiver',
    'roles/firebasedatabase.admin',
    'roles/run.invoker',
  ]);
});

test('deployed again it updates its own, and deletes only a path of its own that is gone', async () => {
  const mine = await plan({ have: [] });
  const have = OURS.map((id) => deployed(id, 'quest-mirror', triggerOf(id)));
  const gone = deployed('mirrorOldPath', 'quest-mirror', triggerOf('mirrorLpAward'));
  const { changes } = await plan({ have: [...TEAM, ...have, gone] });
  expect(changes).toEqual({
    create: [],
    update: mine.changes.create,
    delete: named(['mirrorOldPath']),
  });
});

test('with a prefix every id has it, and a direct deployment beside it stays', async () => {
  const have = [...TEAM, ...OURS.map((id) => deployed(id, 'quest-mirror', triggerOf(id)))];
  const { changes, secrets, environment } = await plan({
    codebase: 'staging',
    prefix: 'kit-staging',
    instanceId: 'staging',
    have,
  });
  expect(changes).toEqual({
    create: named(OURS.map((id) => `kit-staging-${id}`)),
    ...{ update: [], delete: [] },
  });
  expect(Object.keys(secrets)).toEqual(['kit-staging-QUEST_MIRROR_DATABASE_URL']);
  // By this the functions find their own flag.
  expect(environment).toContain('FIREBASE_KIT_INSTANCE_ID');
});

test('two instances of a kit leave each other alone', async () => {
  const have = OURS.map((id) => deployed(`kit-staging-${id}`, 'staging', triggerOf(id)));
  const { changes } = await plan({
    ...{ codebase: 'live', prefix: 'kit-live', instanceId: 'live', have: [...TEAM, ...have] },
  });
  expect(changes).toEqual({
    create: named(OURS.map((id) => `kit-live-${id}`)),
    ...{ update: [], delete: [] },
  });
});

test('what would be taken over is seen by this test: an id of ours in a codebase of theirs', async () => {
  const { changes } = await plan({ have: [...TEAM, deployed('mirrorApi', 'default')] });
  expect(changes.update).toEqual(named(['mirrorApi']));
});

function triggerOf(id: string): object {
  const { httpsTrigger, scheduleTrigger, eventTrigger } = manifest.endpoints[id] ?? {};
  return { httpsTrigger, scheduleTrigger, eventTrigger };
}

/** Asks firebase-tools what it would ask a person before it deploys a trigger, where nobody answers. */
const NOBODY_THERE = `
const { promptForFailurePolicies } = require('firebase-tools/lib/deploy/functions/prompts');
const backend = require('firebase-tools/lib/deploy/functions/backend');
const { force, isThere, retry } = JSON.parse(process.argv[1]);
const place = { project: 'team-app', region: 'us-central1', platform: 'gcfv2', runtime: 'nodejs22' };
const eventTrigger = { eventType: 'google.firebase.database.ref.v1.written', retry, eventFilters: {} };
const want = backend.of({ ...place, id: 'mirror', entryPoint: 'mirror', eventTrigger });
promptForFailurePolicies({ nonInteractive: true, force }, want, isThere ? want : backend.empty()).then(
  () => console.log('goes on'),
  (error) => console.log(error.message),
);`;

test.each([
  [
    'a new trigger stops it',
    {},
    'Pass the --force option to deploy functions with a failure policy',
  ],
  ['not with --force', { force: true }, 'goes on'],
  ['not where it is deployed', { isThere: true }, 'goes on'],
])('a deploy that may not ask: %s', async (_case, options, answer) => {
  const trigger = manifest.endpoints.mirrorQuestCompletion?.eventTrigger;
  const { retry } = z.looseObject({ retry: z.boolean() }).parse(trigger);
  const args = ['-e', NOBODY_THERE, JSON.stringify({ ...options, retry })];
  const { stdout } = await promisify(execFile)(node22(), args, { cwd: ROOT });
  expect(stdout.trim().split('\n').at(-1)).toBe(answer);
});
