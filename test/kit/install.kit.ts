import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { PATHS } from '../../functions/src/app-paths';
import { SERVICES } from '../../functions/src/paths/check-paths';
import { ANY_PORTS } from '../../local/emulator-ports';
import { emulatorsOn } from '../../local/emulator-project';
import { type Emulators, startEmulators } from '../../local/emulators';
import { type RtdbRest, rtdbRest } from '../../local/rtdb-rest';
import { emptyDatabase, queryOnce } from '../integration/support/empty-database';
import { completionEvent, refOf, send } from '../support/cloud-event';
import { eventually } from '../support/eventually';
import { startRuntime } from '../support/runtime';
import { KitProject, PROJECT } from './support/kit-project';
import { nodeOf } from './support/nodes';
import { type PackedPackage, packPackage } from './support/pack';
import { type Registry, startRegistry } from './support/registry';

/** What a team does, from an existing Firebase project to its own mirrored path (docs/install.md). */

const ROOT = join(__dirname, '..', '..');
const INSTANCE = 'quest-mirror';
const SECOND = 'staging';
const OWN_REF = 'love_notes/{coupleId}/{noteId}';
const PATHS_TS = `import { questCompletions } from 'quest-mirror';

export const neverMirror = ['pairing_codes'];

export default [questCompletions];
`;
const INDEX_TS = `import { createMirror } from 'quest-mirror';
import paths, { neverMirror } from './paths';

export = createMirror({ paths, neverMirror });
`;
/** What the installer's first index.ts asks for, beside the mirror's own. */
const TEMPLATE_PARAMETER = 'FUNCTION_DEFAULT_REGION=us-central1\n';
const BINDING = 'FIREBASE_SECRET_REF_QUEST_MIRROR_DATABASE_URL=QUEST_MIRROR_DATABASE_URL\n';

const installedSchema = z.object({ action: z.string(), instanceId: z.string() });
const planSchema = z.record(
  z.string(),
  z.object({
    ...{ create: z.array(z.string()), update: z.array(z.string()), delete: z.array(z.string()) },
    endpoints: z.array(
      z.looseObject({
        id: z.string(),
        entryPoint: z.string(),
        region: z.string(),
        secretEnvironmentVariables: z
          .array(z.looseObject({ key: z.string(), secret: z.string() }))
          .optional(),
        eventTrigger: z.looseObject({ eventFilters: z.record(z.string(), z.string()) }).optional(),
      }),
    ),
  }),
);

/** Of Node's programs, which have to be there before the tests are declared. */
const nodes = mkdtempSync(join(tmpdir(), 'kit-nodes-'));
let folder: string;
let packed: PackedPackage;
/** A made-up next version. */
let next: PackedPackage;
let registry: Registry;
let project: KitProject;
let database: Awaited<ReturnType<typeof emptyDatabase>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kit-'));
  packed = packPackage(folder);
  next = packPackage(folder, {
    version: '0.2.0',
    migrations: { '20261201000000_made_up_rule.sql': MADE_UP_RULE },
  });
  registry = await startRegistry();
  registry.publish(packed);
  project = new KitProject(folder, registry.url);
  database = await emptyDatabase();
  await project.firebase('install', installedSchema);
}, 600_000);

afterAll(async () => {
  await registry?.stop();
  await database?.drop();
  for (const one of [folder, nodes]) rmSync(one, { recursive: true, force: true });
}, 60_000);

const plan = (only: string, present: object[] = []) =>
  project.firebase('plan', planSchema, {
    KIT_ONLY: only,
    KIT_PRESENT_FUNCTIONS: JSON.stringify(present),
  });
const prefixed = (names: readonly string[], instance = INSTANCE) =>
  names.map((name) => `kit-${instance}-${name}`).sort();
const build = async () => expect(await project.run('npm run build')).toMatchObject({ code: 0 });
/** As the owner of the tables, at the emulators where they run. */
const mirror = (verb: string, node?: string, emulators?: Emulators) =>
  project.run(
    `npx quest-mirror ${verb}`,
    {
      DATABASE_URL: database.url,
      GCLOUD_PROJECT: PROJECT,
      ...(emulators ? { FIREBASE_DATABASE_EMULATOR_HOST: emulators.databaseHost } : {}),
    },
    node,
  );

describe('the package', () => {
  test('holds what runs, its migrations and what monitors it, and nothing else', () => {
    const kinds = packed.files.map((file) =>
      file.replace(/^(lib|assets|migrations|ops)\/.*?((?:\.d)?\.\w+)$/, '$1/*$2'),
    );
    expect([...new Set(kinds)].sort()).toEqual([
      ...['LICENSE', 'README.md', 'assets/*.css', 'assets/*.js', 'lib/*.d.ts', 'lib/*.js'],
      ...['migrations/*.sql', 'npm-shrinkwrap.json', 'ops/*.json', 'package.json'],
    ]);
    const migrations = packed.files.filter((file) => file.startsWith('migrations/'));
    expect(migrations.map((file) => basename(file))).toEqual(readdirSync(join(ROOT, 'migrations')));
    expect(packed.leftBehind).toEqual([]);
  });

  test("locks its own dependencies, and none of Firebase's", () => {
    const installed = join(project.source, 'node_modules/quest-mirror');
    const lock = z
      .object({ packages: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(join(installed, 'npm-shrinkwrap.json'), 'utf8')));
    const names = Object.keys(lock.packages).map((path) => path.replace(/.*node_modules\//, ''));
    expect(names).toEqual(expect.arrayContaining(['pg', 'pg-protocol', 'zod', 'hono']));
    expect(names.filter((name) => /firebase|google|typescript|@types/.test(name))).toEqual([]);
  });
});

describe("firebase-tools' installer", () => {
  test('makes a wrapper beside the functions that are there', () => {
    const config = JSON.parse(project.read('firebase.json'));
    expect(config).toMatchObject({
      functions: [
        { source: 'functions', codebase: 'default' },
        {
          kit: 'quest-mirror',
          source: 'function-kits/quest-mirror/source',
          instances: { [INSTANCE]: `function-kits/quest-mirror/config-${INSTANCE}` },
        },
      ],
      database: { rules: 'database.rules.json' },
    });
    expect(config.hosting).toBeUndefined();
    project.linkPackages();
  });

  test("installs each of Firebase's SDKs once", () => {
    for (const sdk of ['firebase-functions', 'firebase-admin']) {
      expect(copiesOf(sdk, join(project.source, 'node_modules'))).toEqual([sdk]);
    }
  });

  test("what it installed deploys the functions of the app's paths", async () => {
    project.write(project.envFile(INSTANCE), `${parameters()}${TEMPLATE_PARAMETER}`);
    const planned = await plan(`functions:${INSTANCE}`);
    project.write(project.envFile(INSTANCE), parameters());
    expect(Object.keys(planned)).toEqual([INSTANCE]);
    expect(planned[INSTANCE]?.create).toEqual(
      prefixed([...PATHS.map(({ trigger }) => trigger), ...SERVICES]),
    );
  });

  test('adds a second instance of the same wrapper', async () => {
    const added = await project.firebase('install', installedSchema, {}, SECOND);
    expect(added).toEqual(expect.objectContaining({ action: 'addedInstance', instanceId: SECOND }));
    expect(existsSync(join(project.folder, project.envFile(SECOND)))).toBe(true);
  });
});

describe('a path of its own', () => {
  test('begins with a list of paths, and compiles', async () => {
    project.write('function-kits/quest-mirror/source/src/paths.ts', PATHS_TS);
    project.write('function-kits/quest-mirror/source/src/index.ts', INDEX_TS);
    await build();
  });

  test('is written by new-path: a declaration, a migration and a line', async () => {
    const sample = { love_notes: { a_b: { n1: { text: 'hi', sentAt: 1_763_510_400_000 } } } };
    writeFileSync(join(project.source, 'export.json'), JSON.stringify(sample));
    expect(await mirror(`new-path ${OWN_REF} --sample export.json`)).toMatchObject({ code: 0 });
    rmSync(join(project.source, 'export.json'));
    await build();
    expect(readdirSync(join(project.source, 'migrations'))).toEqual([
      expect.stringMatching(/^\d{14}_love_notes\.sql$/),
    ]);
  });

  test('of the paths that the package brings, those that nobody mirrors are taken out', async () => {
    const others = PATHS.map(({ name }) => name).filter((name) => name !== 'quest_completions');
    const removal = others.map(
      (name) => `update mirror.paths set removed_at = now() where path = '${name}';\n`,
    );
    const [own = ''] = readdirSync(join(project.source, 'migrations'));
    const time = String(Number(own.slice(0, 14)) + 1);
    writeFileSync(join(project.source, 'migrations', `${time}_not_mirrored.sql`), removal.join(''));
    expect(await mirror('migrate')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/love_notes\.sql\n.*not_mirrored\.sql\n\d+ applied/),
    });
    const paths = await queryOnce(
      database.url,
      'select path from mirror.paths where removed_at is null order by path',
    );
    expect(paths).toEqual([{ path: 'love_notes' }, { path: 'quest_completions' }]);
  });

  test('a trigger that no path has does not compile', async () => {
    const index = 'function-kits/quest-mirror/source/src/index.ts';
    const named = `export const { mirrorLoveNote, mirrorApi } = mirror;
export const { mirrorLoveNotes } = mirror;
`;
    project.write(index, INDEX_TS.replace('export =', 'const mirror =') + named);
    const { out } = await project.run('npx tsc --noEmit');
    expect(out.match(/error TS\d+: .*/g)).toEqual([
      expect.stringContaining("Property 'mirrorLoveNotes' does not exist"),
    ]);
    project.write(index, INDEX_TS);
  });
});

describe('a deploy', () => {
  const expected = ['mirrorLoveNote', 'mirrorQuestCompletion', ...SERVICES];

  let planned: z.infer<typeof planSchema>;

  beforeAll(async () => {
    const present = ['api', 'mirrorApi'].map((id) => ({
      ...{ id, project: PROJECT, region: 'us-central1', platform: 'gcfv2', entryPoint: id },
      ...{ codebase: 'default', httpsTrigger: {}, runtime: 'nodejs22', labels: {} },
    }));
    const staging = parameters({ RTDB_INSTANCE: 'demo-quests-staging' });
    project.write(project.envFile(SECOND), staging.replace(BINDING, ''));
    planned = await plan('functions', present);
    project.write(project.envFile(SECOND), staging);
  });

  const trigger = (instance: string) =>
    planned[instance]?.endpoints.find(({ entryPoint }) => entryPoint === 'mirrorLoveNote');

  test('makes prefixed functions for each instance, and touches none that is there', () => {
    for (const instance of [INSTANCE, SECOND]) {
      expect(planned[instance]).toMatchObject({
        ...{ create: prefixed(expected, instance), update: [], delete: [] },
      });
    }
    expect(planned.default).toMatchObject({ create: [], update: ['api'], delete: [] });
  });

  test('takes the parameters of each instance', () => {
    expect(trigger(INSTANCE)).toMatchObject({ region: 'us-central1' });
    expect(JSON.stringify(trigger(INSTANCE)?.eventTrigger)).not.toContain('staging');
    expect(JSON.stringify(trigger(SECOND)?.eventTrigger)).toContain('demo-quests-staging');
  });

  test("takes the secret that the instance's file binds, else one of the instance's own", () => {
    const secret = (instance: string) => trigger(instance)?.secretEnvironmentVariables;
    const key = 'QUEST_MIRROR_DATABASE_URL';
    expect(secret(INSTANCE)).toMatchObject([{ key, secret: key }]);
    expect(secret(SECOND)).toMatchObject([{ key, secret: `kit-${SECOND}-${key}` }]);
  });
});

describe('in the emulators', () => {
  let emulators: Emulators;
  let rtdb: RtdbRest;
  const output: string[] = [];

  beforeAll(async () => {
    writeFileSync(
      join(project.source, '.secret.local'),
      `QUEST_MIRROR_DATABASE_URL=${database.url}\n`,
    );
    emulators = await startEmulators({
      ...{ databaseUrl: database.url, ports: ANY_PORTS },
      onOutput: (line) => output.push(line),
      project: (ports) => {
        const config = JSON.parse(project.read('firebase.json'));
        project.write(
          'firebase.json',
          JSON.stringify({ ...config, emulators: emulatorsOn(ports) }),
        );
        // What is left of it is removed with the folder of this run.
        return { directory: project.folder, remove: () => {} };
      },
    });
    rtdb = rtdbRest(emulators.databaseHost, emulators.namespace);
  }, 180_000);

  afterAll(() => emulators?.stop(), 60_000);

  const call = (name: string, path = '') =>
    fetch(`${emulators.functionsOrigin}/${PROJECT}/${emulators.region}/${name}${path}`);

  test('a note that is written reaches its row, by way of the prefixed trigger', async () => {
    await rtdb.set(['love_notes', 'ann_bob', 'n1'], { text: 'hi', sentAt: 1_763_510_400_000 });
    await eventually(
      async () =>
        expect(await notes()).toEqual([
          { note_id: 'n1', text: 'hi', origin: 'rtdb', is_deleted: false },
        ]),
      { timeoutMs: 60_000, describe: 'the row of the note' },
    );
  });

  test("the app's api answers as before, and the mirror's beside it", async () => {
    expect(await (await call('api')).text()).toBe("the app's own");
    for (const instance of [INSTANCE, SECOND]) {
      const [name = ''] = prefixed(['mirrorApi'], instance);
      expect((await call(name, '/api/healthz')).status).toBe(200);
    }
    expect((await call('mirrorApi', '/api/healthz')).status).toBe(404);
  });

  test('what is scheduled runs by its prefixed name: canaries fly, and both stores are read', async () => {
    for (const name of prefixed(['mirrorCanary', 'mirrorReconcile'])) {
      const trigger = `triggers/${emulators.region}-${name}-0`;
      const url = `${emulators.functionsOrigin}/functions/projects/${PROJECT}/${trigger}`;
      expect((await fetch(url, { method: 'POST' })).status).toBe(200);
    }
    const flown = 'select distinct path from mirror.canaries order by path';
    expect(await queryOnce(database.url, flown)).toEqual([
      { path: 'love_notes' },
      { path: 'quest_completions' },
    ]);
    await eventually(
      async () =>
        expect(
          await queryOnce(database.url, 'select from rtdb.love_notes where couple_id ~ $1', [
            '^canary',
          ]),
        ).toHaveLength(1),
      { timeoutMs: 60_000, describe: 'the canary of the notes' },
    );
  });

  test('every verb runs in the wrapper', async () => {
    const { out } = await mirror('--help');
    const verbs = [...out.matchAll(/^ {2}([a-z][a-z-]+)(?= )/gm)].flatMap(([, verb]) => verb ?? []);
    expect(verbs).toEqual(expect.arrayContaining(['migrate', ...Object.keys(VERBS)]));
    for (const verb of verbs.filter((name) => name !== 'help')) {
      const { args, code, says } = VERBS[verb] ?? { args: '--help', code: [0], says: /Usage/ };
      const ran = await mirror(`${verb} ${args}`.trim(), undefined, emulators);
      expect({ verb, ...ran }).toMatchObject({ verb, out: expect.stringMatching(says) });
      expect(code).toContain(ran.code);
    }
  });

  test('--path takes the names of this project, and no others', async () => {
    expect(await mirror('reconcile --path love_notes', undefined, emulators)).toMatchObject({
      code: 0,
    });
    expect(await mirror('reconcile --path lp_awards', undefined, emulators)).toMatchObject({
      code: 2,
      errors: expect.stringContaining('expected one of quest_completions, love_notes'),
    });
  });

  test('nothing that the emulators printed is a complaint about a function', () => {
    expect(output.filter((line) => /Failed to load function|⬢ {2}functions/.test(line))).toEqual(
      [],
    );
  });
});

describe('an upgrade', () => {
  test("a rule that the package's next version changes in SQL reaches the path by migrate", async () => {
    registry.publish(next);
    expect(await project.run('npm install quest-mirror@latest')).toMatchObject({ code: 0 });
    const installed = join(project.source, 'node_modules');
    expect(readFileSync(join(installed, 'quest-mirror/package.json'), 'utf8')).toContain('"0.2.0"');
    expect(copiesOf('firebase-functions', installed)).toHaveLength(1);
    const migrated = await mirror('migrate');
    expect(migrated).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^applied 20261201000000_made_up_rule\.sql\n1 applied/m),
    });
    const runtime = await startRuntime({
      databaseUrl: database.url,
      other: { folder: project.source, target: 'mirrorLoveNote' },
    });
    try {
      const event = removal();
      expect(await send(runtime.url, event)).toBe(204);
      expect(await runtime.outcomeOf(String(event.id))).toMatchObject({ outcome: 'applied' });
    } finally {
      await runtime.stop();
    }
    expect(await notes()).toMatchObject([{ note_id: 'n1', is_deleted: true }]);
    const rows = await queryOnce(
      database.url,
      `select deleted_at from rtdb.love_notes where deleted_at is not null`,
    );
    expect(rows).toEqual([{ deleted_at: new Date('2000-01-01T00:00:00Z') }]);
  });
});

const NODES = [20, 22, 24].map((major) => [major] as const);

describe.each(NODES)('on Node %i', (major) => {
  const node = nodeOf(major, nodes);
  const testHere = node === null ? test.skip : test;
  const program = node ?? '';

  testHere('the wrapper is discovered, and its verbs run', async () => {
    const manifest = join(folder, `manifest-${major}.json`);
    const discovery = 'node node_modules/firebase-functions/lib/bin/firebase-functions.js .';
    const env = { FUNCTIONS_MANIFEST_OUTPUT_PATH: manifest, GCLOUD_PROJECT: PROJECT };
    expect(await project.run(discovery, env, program)).toMatchObject({ code: 0 });
    const { endpoints } = JSON.parse(readFileSync(manifest, 'utf8'));
    expect(Object.keys(endpoints)).toContain('mirrorLoveNote');
    expect(await project.run('node --version', {}, program)).toMatchObject({
      out: expect.stringContaining(`v${major}.`),
    });
    expect(await mirror('migrate', program)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Up to date'),
    });
  });

  testHere('an event reaches its row through the production runtime', async () => {
    const runtime = await startRuntime({
      ...{ databaseUrl: database.url, node: program },
      other: { folder: project.source, target: 'mirrorQuestCompletion' },
    });
    try {
      const write = { questId: `quest_node_${major}` };
      expect(await send(runtime.url, completionEvent(write))).toBe(204);
      const rows = await queryOnce(
        database.url,
        'select payload from rtdb.quest_completions where quest_id = $1',
        [write.questId],
      );
      expect({ ref: refOf(write), rows }).toMatchObject({ rows: [{ payload: true }] });
    } finally {
      await runtime.stop();
    }
  });
});

/** The parameters of an instance, as `firebase deploy` asks for them. */
function parameters(values: Record<string, string> = {}): string {
  const committed = readFileSync(join(ROOT, 'functions/.env.demo-quests'), 'utf8');
  const lines = Object.entries(values).reduce(
    (text, [name, value]) => text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`),
    committed,
  );
  return `${lines.trimEnd()}\n${BINDING}`;
}

function notes() {
  return queryOnce(
    database.url,
    `select note_id, text, origin, deleted_at is not null as is_deleted
     from rtdb.love_notes where couple_id = 'ann_bob'`,
  );
}

/** Where a package lies below a folder of packages, in it and in those of each. */
function copiesOf(name: string, modules: string): string[] {
  const found = readdirSync(modules, { recursive: true, encoding: 'utf8' });
  const places = found.filter((place) => place === name || place.endsWith(`node_modules/${name}`));
  return places.filter((place) => existsSync(join(modules, place, 'package.json')));
}

/** Verbs with what they are asked here. */
const VERBS: Record<string, { args: string; code: number[]; says: RegExp }> = {
  migrate: { args: '', code: [0], says: /Up to date/ },
  'new-path': { args: OWN_REF, code: [0], says: /nothing to do/ },
  doctor: {
    args: `--project ${PROJECT} --instance ${INSTANCE}`,
    code: [0, 1],
    says: /ok +paths: all 2 are migrated[\s\S]*ok +triggers exported/,
  },
  backfill: { args: '--dry-run', code: [0], says: /./ },
  reconcile: { args: '', code: [0], says: /love_notes/ },
  // For a minute mirroring counts as off, and when that ends all is to be read once more.
  report: { args: '', code: [1, 2], says: /\nlove_notes +(100\.0|none)/ },
  explain: { args: 'love_notes/ann_bob/n1', code: [0], says: /love_notes/ },
  repair: { args: '', code: [0], says: /./ },
  purge: { args: '', code: [0], says: /./ },
};

/** A next version whose tombstones are all of the year 2000. */
const MADE_UP_RULE = `-- Why: a test. A rule of the template changes, and what follows from each path is made anew.
do $$
begin
  execute replace(
    pg_get_functiondef('mirror.build_apply_function(mirror.paths)'::regprocedure),
    'deleted_at = case when j.payload is null then j.event_time end',
    'deleted_at = case when j.payload is null then timestamptz ''2000-01-01Z'' end'
  );
end
$$;

select mirror.rebuild_paths();
`;

/** The note is removed. */
const removal = () =>
  completionEvent({
    ...{ before: { text: 'hi', sentAt: 1_763_510_400_000 }, after: null },
    time: new Date().toISOString(),
    attributes: { ref: 'love_notes/ann_bob/n1', subject: 'refs/love_notes/ann_bob/n1' },
  });
