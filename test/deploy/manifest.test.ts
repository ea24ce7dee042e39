import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { preProcessFile } from 'typescript';
import { z } from 'zod';
import { PATHS } from '../../functions/src/app-paths';
import { SERVICES } from '../../functions/src/paths/check-paths';
import { node22 } from '../support/runtime';

const run = promisify(execFile);
const FUNCTIONS = join(__dirname, '..', '..', 'functions');
const DISCOVERY = join(FUNCTIONS, 'node_modules/firebase-functions/lib/bin/firebase-functions.js');

const manifestSchema = z.looseObject({
  endpoints: z.record(z.string(), z.looseObject({})),
  params: z.array(z.looseObject({ name: z.string(), type: z.string() })),
});

let folder: string;
/** Discovered with nothing in the environment, as most tests look at it. */
let discovered: Awaited<ReturnType<typeof discover>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quest-mirror-deploy-'));
  discovered = await discover();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Discovers as `firebase deploy` does, with nothing but what is given in the environment. */
async function discover(env: Record<string, string> = {}) {
  const file = join(folder, 'manifest.json');
  await run(node22(), [DISCOVERY, FUNCTIONS], {
    cwd: FUNCTIONS,
    env: { GCLOUD_PROJECT: 'demo-quests', FUNCTIONS_MANIFEST_OUTPUT_PATH: file, ...env },
  });
  const text = readFileSync(file, 'utf8');
  return { text, ...manifestSchema.parse(JSON.parse(text)) };
}

test.each(PATHS)('discovery finds $trigger, offline and without secrets', ({ trigger, ref }) => {
  const { endpoints } = discovered;
  expect(endpoints[trigger]).toMatchObject({
    platform: 'gcfv2',
    entryPoint: trigger,
    concurrency: 80,
    region: '{{ params.RTDB_REGION }}',
    secretEnvironmentVariables: [{ key: 'QUEST_MIRROR_DATABASE_URL' }],
    eventTrigger: {
      eventType: 'google.firebase.database.ref.v1.written',
      eventFilterPathPatterns: { ref, instance: '{{ params.RTDB_INSTANCE }}' },
      retry: true,
    },
  });
});

test('discovery finds the scheduled functions', () => {
  const { endpoints } = discovered;
  const region = '{{ params.RTDB_REGION }}';
  const secretEnvironmentVariables = [{ key: 'QUEST_MIRROR_DATABASE_URL' }];
  const common = { platform: 'gcfv2', region, secretEnvironmentVariables };
  expect(endpoints.mirrorReconcile).toMatchObject({
    ...common,
    scheduleTrigger: { schedule: 'every 15 minutes' },
  });
  expect(endpoints.mirrorCanary).toMatchObject({
    ...common,
    scheduleTrigger: { schedule: 'every 5 minutes' },
  });
});

test('discovery finds the API, which anybody may call', () => {
  const { endpoints } = discovered;
  expect(endpoints.mirrorApi).toMatchObject({
    ...{ platform: 'gcfv2', region: '{{ params.RTDB_REGION }}', concurrency: 80 },
    secretEnvironmentVariables: [{ key: 'QUEST_MIRROR_DATABASE_URL' }],
    httpsTrigger: { invoker: ['public'] },
  });
});

test('no other function lets everybody in', () => {
  const { endpoints } = discovered;
  const open = Object.entries(endpoints).filter(([, { httpsTrigger }]) =>
    JSON.stringify([httpsTrigger]).includes('"public"'),
  );
  expect(open.map(([name]) => name)).toEqual(['mirrorApi']);
});

test('discovery finds the dashboard, which nobody may call who was not let in', () => {
  const { endpoints } = discovered;
  expect(endpoints.mirrorDashboard).toMatchObject({
    ...{ platform: 'gcfv2', region: '{{ params.RTDB_REGION }}', maxInstances: 2 },
    secretEnvironmentVariables: [{ key: 'QUEST_MIRROR_DATABASE_URL' }],
    httpsTrigger: { invoker: ['private'] },
  });
});

test.each([
  ['QUEST_MIRROR_DATABASE_URL', 'secret', undefined],
  ['RTDB_INSTANCE', 'string', undefined],
  ['RTDB_REGION', 'string', 'us-central1'],
  ['ENABLE_SUPABASE_DUAL_WRITE', 'boolean', false],
  ['DATABASE_POOL_MAX', 'int', 1],
  ['MAX_INSTANCES', 'int', 20],
  ['RETENTION_DAYS', 'int', 0],
  ['LOG_REFS', 'boolean', false],
  ['LOG_APPLIED_SAMPLE', 'string', '0.01'],
  ['RECONCILE_DAYS', 'int', 7],
  ['RECONCILE_HOURS', 'string', ''],
  ['RECONCILE_FULL_DAYS', 'int', 30],
  ['RECONCILE_GRACE_SECONDS', 'int', 30],
  ['SUPABASE_JWT_ISSUER', 'string', ''],
  ['SUPABASE_JWT_BY_SECRET', 'boolean', false],
  ['AUTH_TENANT', 'string', ''],
])('parameter %s is a %s with the default %s', (name, type, value) => {
  const { params } = discovered;
  const found = params.filter((param) => param.name === name);
  expect(found.map((param) => [param.type, param.default])).toEqual([[type, value]]);
});

test("Supabase's secret is asked for and bound to the API alone where it is wanted", async () => {
  const { endpoints, params } = await discover({ SUPABASE_JWT_BY_SECRET: 'true' });
  const bound = Object.entries(endpoints).filter(([, endpoint]) =>
    JSON.stringify(endpoint).includes('SUPABASE_JWT_SECRET'),
  );
  expect(bound.map(([name]) => name)).toEqual(['mirrorApi']);
  expect(params.map(({ name }) => name)).toContain('SUPABASE_JWT_SECRET');
  const byDefault = [...discovered.params, ...Object.values(discovered.endpoints)];
  expect(JSON.stringify(byDefault)).not.toMatch(/"SUPABASE_JWT_SECRET"/);
});

test('discovery asks for the roles that the functions need, and for the APIs that they call', () => {
  expect(discovered).toMatchObject({
    requiredRoles: [
      'roles/firebasedatabase.admin',
      'roles/cloudconfig.viewer',
      'roles/eventarc.eventReceiver',
      'roles/run.invoker',
    ],
    requiredAPIs: expect.arrayContaining([
      { api: 'firebasedatabase.googleapis.com', reason: expect.any(String) },
      { api: 'firebaseremoteconfig.googleapis.com', reason: expect.any(String) },
    ]),
  });
});

test('only the emulator listens to every instance and mirrors by default', async () => {
  const { params } = await discover({ FUNCTIONS_EMULATOR: 'true' });
  const defaultOf = (name: string) => params.find((param) => param.name === name)?.default;
  expect(defaultOf('RTDB_INSTANCE')).toBe('*');
  expect(defaultOf('ENABLE_SUPABASE_DUAL_WRITE')).toBe(true);
});

test('a secret that is in the environment does not get into the manifest', async () => {
  const { text } = await discover({
    QUEST_MIRROR_DATABASE_URL: 'postgres://u:MARKER@127.0.0.1:1/x',
  });
  expect(text).not.toContain('MARKER');
});

/** Loads the functions from a folder, and reports what that brought about. */
async function load(from: string, env: Record<string, string> = {}) {
  const script = `
    const net = require('node:net');
    const dns = require('node:dns');
    const opened = [];
    net.Socket.prototype.connect = function () { opened.push('socket'); return this; };
    dns.lookup = () => opened.push('lookup');
    const names = Object.keys(require(${JSON.stringify(from)}));
    setImmediate(() => process.stdout.write(JSON.stringify({
      names, opened, modules: Object.keys(require.cache),
    })));`;
  const { stdout } = await run(node22(), ['-e', script], { cwd: folder, env });
  return z
    .object({
      names: z.array(z.string()),
      opened: z.array(z.string()),
      modules: z.array(z.string()),
    })
    .parse(JSON.parse(stdout));
}

test('discovery loads every function, opens no connection, and leaves the command line alone', async () => {
  const loaded = await load(FUNCTIONS);
  expect(loaded.opened).toEqual([]);
  expect(loaded.modules.filter((file) => /lib[\\/]cli[\\/]/.test(file))).toEqual([]);
  expect(loaded.names.sort()).toEqual([...PATHS.map(({ trigger }) => trigger), ...SERVICES].sort());
});

test('discovery takes a small part of the ten seconds that firebase-tools gives it', async () => {
  const startedAt = performance.now();
  await load(FUNCTIONS);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test.each([...PATHS.map(({ trigger }) => trigger), ...SERVICES])(
  'an instance of %s loads its own function, and before any request all that it needs',
  async (target) => {
    const loaded = await load(FUNCTIONS, { FUNCTION_TARGET: target });
    expect(loaded.names).toEqual([target]);
    expect(loaded.opened).toEqual([]);
    expect(loaded.modules.some((file) => /node_modules[\\/]pg[\\/]/.test(file))).toBe(true);
    const functions = loaded.modules.filter((file) =>
      /deploy[\\/].*-(function|trigger)/.test(file),
    );
    expect(functions).toHaveLength(1);
  },
);

test.each(PATHS)('an instance of $trigger does without what services load', async ({ trigger }) => {
  const loaded = await load(FUNCTIONS, { FUNCTION_TARGET: trigger });
  const ofServices = /scheduler|tasks|[\\/](hono|jose|dashboard)[\\/]/;
  expect(loaded.modules.filter((file) => ofServices.test(file))).toEqual([]);
});

test('the folder that is deployed loads anywhere, without the rest of the project', async () => {
  const copy = join(folder, 'deployed');
  for (const part of ['package.json', 'lib', 'assets']) {
    cpSync(join(FUNCTIONS, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(FUNCTIONS, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const everything = filesIn(join(copy, 'lib'), '.js').map((file) => join('lib', file));
  expect(everything.length).toBeGreaterThan(5);
  const script = `for (const file of ${JSON.stringify(everything)}) require('./' + file);
    require('./lib/dashboard/page-assets').readPageAssets();`;
  await run(node22(), ['-e', script], { cwd: copy, env: {} });
  const { main, bin } = z
    .object({ main: z.string(), bin: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')));
  expect(everything.map((file) => file.split(sep).join('/'))).toContain(main);
  const commandLine = bin['quest-mirror'] ?? '';
  expect(readFileSync(join(copy, commandLine), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const { stdout } = await run(node22(), [commandLine, '--help'], { cwd: copy, env: {} });
  expect(stdout).toContain('migrate');
  expect(stdout).not.toContain('simulate');
});

test("the cloud build, which leaves tools out, installs Firebase's SDKs", () => {
  const entry = z.object({ peer: z.literal(true), dev: z.never().optional() });
  const lock = z.object({
    packages: z.object({
      'node_modules/firebase-admin': entry,
      'node_modules/firebase-functions': entry,
    }),
  });
  const text = readFileSync(join(FUNCTIONS, 'package-lock.json'), 'utf8');
  expect(() => lock.parse(JSON.parse(text))).not.toThrow();
});

test('the functions import their own files, their own dependencies and nothing else', () => {
  const { dependencies, peerDependencies } = z
    .object({
      dependencies: z.record(z.string(), z.string()),
      peerDependencies: z.record(z.string(), z.string()),
    })
    .parse(JSON.parse(readFileSync(join(FUNCTIONS, 'package.json'), 'utf8')));
  const installed = { ...dependencies, ...peerDependencies };
  const source = join(FUNCTIONS, 'src');
  const strangers = filesIn(source, '.ts').flatMap((file) =>
    importsOf(readFileSync(join(source, file), 'utf8'))
      .filter((name) => {
        if (!name.startsWith('.')) return !isBuiltin(name) && !(packageOf(name) in installed);
        return relative(source, resolve(source, dirname(file), name)).startsWith('..');
      })
      .map((name) => `${file}: ${name}`),
  );
  expect(strangers).toEqual([]);
});

function importsOf(text: string): string[] {
  return preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
}

function filesIn(directory: string, extension: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(extension));
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}
