import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { node22 } from '../support/runtime';

/**
 * `quest-mirror doctor` in a project that has functions of its own and two instances of the mirror: as
 * firebase-tools would deploy each, by its own code.
 */

const ROOT = join(__dirname, '..', '..');
const BINDING = 'FIREBASE_SECRET_REF_QUEST_MIRROR_DATABASE_URL=QUEST_MIRROR_DATABASE_URL\n';
const FILES = {
  'firebase.json': JSON.stringify({
    functions: [
      { source: 'functions', codebase: 'default' },
      {
        ...{ kit: 'quest-mirror', source: 'mirror' },
        instances: { staging: 'mirror/config-staging', live: 'mirror/config-live' },
      },
    ],
    hosting: {
      public: 'public',
      rewrites: [
        { source: '/api/sync/**', function: { functionId: 'kit-live-mirrorApi' } },
        { source: '/**', function: 'app' },
      ],
    },
  }),
  '.firebaserc': JSON.stringify({ projects: { prod: 'team-app' } }),
  'mirror/package.json': '{ "name": "wrapper", "main": "lib/index.js" }',
  'mirror/lib/paths.js': `const { questCompletions, definePath, integer } = require('quest-mirror');
    exports.default = [questCompletions, definePath({
      name: 'notes', trigger: 'mirrorNote', ref: 'notes/{coupleId}/{noteId}',
      columns: { amount: integer((v) => v.amount) },
    })];
    exports.neverMirror = ['pairing_codes'];`,
  'mirror/lib/index.js': `const { createMirror, questCompletions } = require('quest-mirror');
    Object.assign(exports, createMirror({ paths: [questCompletions] }));`,
  'mirror/config-live/.env.prod': `${BINDING}RTDB_INSTANCE=team-app-default-rtdb\nMAX_INSTANCES=5\n`,
  'mirror/config-staging/.env.team-app': 'RTDB_INSTANCE=*\n',
};

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'quest-mirror-kit-')));
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const packages = {
    'mirror/node_modules/quest-mirror': 'functions',
    'mirror/node_modules/firebase-functions': 'functions/node_modules/firebase-functions',
    'node_modules/firebase-tools': 'node_modules/firebase-tools',
  };
  for (const [link, target] of Object.entries(packages)) {
    mkdirSync(dirname(join(folder, link)), { recursive: true });
    symlinkSync(join(ROOT, target), join(folder, link), 'junction');
  }
});

afterAll(async () => {
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const answer = z.object({
  checks: z.array(z.looseObject({ name: z.string(), status: z.string(), finding: z.string() })),
});

/** In the wrapper's folder, as `npx quest-mirror doctor` is run. */
function doctor(...args: string[]) {
  const main = join(folder, 'mirror/node_modules/quest-mirror/lib/cli/main.js');
  const env = {
    ...{ PATH: process.env.PATH, DATABASE_URL: database.url },
    FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9',
  };
  return new Promise<{ errors: string; findings: Record<string, string> }>((resolve) => {
    execFile(
      node22(),
      [main, 'doctor', '--json', ...args],
      { cwd: join(folder, 'mirror'), env },
      (_error, out, errors) => {
        const { checks } = out === '' ? { checks: [] } : answer.parse(JSON.parse(out));
        const findings = checks.map(({ name, status, finding }) => [name, `${status}: ${finding}`]);
        resolve({ errors, findings: Object.fromEntries(findings) });
      },
    );
  });
}

test('of two instances one has to be named', async () => {
  const { errors } = await doctor('--project', 'prod');
  expect(errors).toBe('mirror: --instance: expected one of staging, live\n');
}, 60_000);

test('an instance is looked at with its own prefix, files, secret and paths', async () => {
  const { findings } = await doctor('--project', 'prod', '--instance', 'live');
  expect(findings).toMatchObject({
    'triggers exported': 'fail: mirrorNote of notes is not exported',
    'trigger retry': 'ok: failed events are retried, for 24 hours',
    'trigger instance': 'ok: listen to team-app-default-rtdb only',
    'hosting region': 'ok: hosting finds kit-live-mirrorApi',
    secret: 'ok: the functions read QUEST_MIRROR_DATABASE_URL',
    parameters: 'ok: each is what it should be',
    connections: expect.stringContaining('with all instances up to 27 (mirrorApi 10, mirror'),
  });
}, 60_000);

test('a list of paths that is not compiled yet is no finding', async () => {
  const compiled = join(folder, 'mirror/lib/paths.js');
  mkdirSync(join(folder, 'mirror/src'));
  writeFileSync(join(folder, 'mirror/src/paths.ts'), 'export default [];');
  renameSync(compiled, `${compiled}.away`);
  try {
    const { findings } = await doctor('--project', 'prod', '--instance', 'live');
    const notYet = expect.stringMatching(/^skipped: lib\/paths\.js does not exist/);
    expect(findings).toMatchObject({
      ...{ paths: notYet, 'triggers exported': notYet, flag: expect.stringMatching(/^skipped: /) },
      secret: 'ok: the functions read QUEST_MIRROR_DATABASE_URL',
    });
  } finally {
    renameSync(`${compiled}.away`, compiled);
    rmSync(join(folder, 'mirror/src'), { recursive: true });
  }
}, 60_000);

test("the other instance's files are another's", async () => {
  const { findings } = await doctor('--project', 'team-app', '--instance', 'staging');
  expect(findings).toMatchObject({
    'trigger instance': 'fail: listen to all instances that match *',
    'hosting region': expect.stringContaining('ok: hosting leads to no function of the mirror'),
    secret: expect.stringContaining(
      'warn: nothing binds it, so it would be kit-staging-QUEST_MIRROR_DATABASE_URL',
    ),
  });
}, 60_000);
