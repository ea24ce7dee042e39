import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvFiles } from '../../functions/src/cli/doctor/env-files';
import { loadFirebaseTools } from '../../functions/src/cli/doctor/firebase-tools';

/** The files that firebase-tools would read for a deployment, by its own code. */

const ALIASES = { default: 'demo-quests', prod: 'my-project', live: 'my-project' };

let root: string;
let functions: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quest-mirror-env-'));
  functions = join(root, 'functions');
  mkdirSync(functions);
  writeFileSync(join(root, 'firebase.json'), '{}');
  writeFileSync(join(root, '.firebaserc'), JSON.stringify({ projects: ALIASES }));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

async function valuesOf(files: Record<string, string>, name: string, isEmulator = false) {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(functions, file), text);
  return readEnvFiles({ root, configDir: functions }, name, isEmulator, loadFirebaseTools());
}

test.each<[string, Record<string, string>, string, string | undefined]>([
  ['no file', {}, 'my-project', undefined],
  ['.env', { '.env': 'A=1' }, 'my-project', '1'],
  ["the project's over .env", { '.env': 'A=1', '.env.my-project': 'A=2' }, 'my-project', '2'],
  ["the alias's, by its alias", { '.env': 'A=1', '.env.prod': 'A=3' }, 'prod', '3'],
  ["the alias's, by the project", { '.env': 'A=1', '.env.prod': 'A=3' }, 'my-project', '3'],
  ["the project's, by the alias", { '.env.my-project': 'A=2' }, 'prod', '2'],
  ["another project's", { '.env.other': 'A=4' }, 'my-project', undefined],
  ["another alias's", { '.env.live': 'A=5' }, 'prod', undefined],
  ['.env.local, which is not deployed', { '.env': 'A=1', '.env.local': 'A=6' }, 'my-project', '1'],
  ['quotes, a comment and export', { '.env': 'export A="x y" # z' }, 'my-project', 'x y'],
  ['a certificate on one line', { '.env': 'A="a\\nb"' }, 'my-project', 'a\nb'],
])('%s', async (_case, files, name, expected) => {
  const { projectId, values } = await valuesOf(files, name);
  expect(projectId).toBe('my-project');
  expect(values.A).toBe(expected);
});

test('the emulator reads .env.local last', async () => {
  const files = { '.env': 'A=1', '.env.default': 'A=2', '.env.local': 'A=3' };
  expect((await valuesOf(files, 'demo-quests', true)).values).toEqual({ A: '3' });
});

test.each<[string, Record<string, string>, string, string]>([
  [
    'files of a project and of its alias',
    { '.env.my-project': 'A=2', '.env.prod': 'A=3' },
    'my-project',
    "Can't have both dotenv files with projectId (env.my-project) and projectAlias (.env.prod)",
  ],
  [
    'files of two aliases',
    { '.env.prod': 'A=2', '.env.live': 'A=3' },
    'my-project',
    'functions/.env.prod and functions/.env.live are both of my-project',
  ],
  [
    'a reserved name',
    { '.env': 'FIREBASE_X=1' },
    'prod',
    'Key FIREBASE_X starts with a reserved prefix',
  ],
  ["the platform's name", { '.env': 'PORT=1' }, 'prod', 'Key PORT is reserved for internal use'],
  ['small letters', { '.env': 'a=1' }, 'prod', 'Key a must start with an uppercase'],
  [
    'a line that is none',
    { '.env': 'A=1\nMARKER SECRET' },
    'prod',
    'expected lines such as NAME=value',
  ],
])('refuses %s', async (_case, files, name, message) => {
  const attempt = valuesOf(files, name);
  await expect(attempt).rejects.toThrow(message);
  await expect(attempt).rejects.not.toThrow('MARKER');
});

test.each(['constructor', '__proto__'])('%s is no alias', async (name) => {
  expect(await valuesOf({ '.env': 'A=1' }, name)).toEqual({ projectId: name, values: { A: '1' } });
});

test('where firebase-tools is not installed it says so in one line', async () => {
  const before = process.cwd();
  process.chdir(root);
  try {
    await expect(valuesOf({}, 'my-project')).rejects.toThrow(/^firebase-tools can't be loaded.*$/);
  } finally {
    process.chdir(before);
  }
});
