import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { SERVICES } from '../../functions/src/paths/check-paths';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { node22 } from '../support/runtime';

/** A folder that has the package as a dependency, as a function kit's wrapper does. */

const ROOT = join(__dirname, '..', '..');
const FILES = {
  'package.json': '{ "name": "wrapper", "main": "lib/index.js" }\n',
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      ...{ module: 'node20', moduleResolution: 'node16', target: 'es2023', strict: true },
      ...{ rootDir: 'src', outDir: 'lib', types: ['node'], skipLibCheck: true },
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: ['src'],
  }),
  'src/paths.ts': `import { questCompletions } from 'quest-mirror';

export const neverMirror = ['pairing_codes'];

export default [questCompletions];
`,
  'src/index.ts': `import { createMirror } from 'quest-mirror';
import paths, { neverMirror } from './paths';

export const { mirrorApi, mirrorQuestCompletion } = createMirror({ paths, neverMirror });
`,
  'export.json': JSON.stringify({
    invented_notes: { a_b: { n1: { text: 'MARKER', sentAt: 1_763_510_400_000 } } },
  }),
};

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quest-mirror-wrapper-'));
  for (const [file, text] of Object.entries(FILES)) write(file, text);
  mkdirSync(join(folder, 'node_modules'));
  // As people do beforehand: it has no file yet.
  mkdirSync(join(folder, 'migrations'));
  symlinkSync(join(ROOT, 'functions'), join(folder, 'node_modules', 'quest-mirror'), 'junction');
  database = await cloneDatabase();
});

afterAll(async () => {
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

const read = (file: string) => readFileSync(join(folder, file), 'utf8');

function run(args: string[], env: Record<string, string> = {}) {
  return new Promise<{ code: number; out: string; errors: string }>((resolve) => {
    execFile(node22(), args, { cwd: folder, env }, (error, out, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, errors });
    });
  });
}

const compile = () => run([join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.']);
const newPath = (...args: string[]) =>
  run(['node_modules/quest-mirror/lib/cli/main.js', 'new-path', ...args]);

/** What the compiled wrapper exports in an instance of a function. */
async function load(target: string): Promise<string[]> {
  const script = `
    const names = Object.keys(require('./lib/index.js'));
    process.stdout.write(JSON.stringify(names.filter((name) => require('./lib/index.js')[name])));`;
  const { code, out, errors } = await run(['-e', script], { FUNCTION_TARGET: target });
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  return JSON.parse(out);
}

const REF = 'invented_notes/{coupleId}/{noteId}';

test('a path that is added, compiled and exported is a trigger, and an instance of it exports nothing else', async () => {
  expect(await newPath(REF)).toMatchObject({
    code: 2,
    errors: 'mirror: lib/paths.js does not exist; compile src/paths.ts first\n',
  });
  expect(await compile()).toMatchObject({ code: 0, out: '' });
  expect(await newPath('pairing_codes/{code}')).toMatchObject({
    code: 2,
    errors: expect.stringContaining('never mirrored'),
  });
  const added = await newPath(REF, '--sample', 'export.json');
  expect(added).toMatchObject({ code: 0, errors: '' });
  expect(added.out).not.toContain('MARKER');
  expect(
    read('src/paths/invented-notes.ts'),
  ).toBe(`import { definePath, instant, text } from 'quest-mirror';

/** Mirrors \`${REF}\` into rtdb.invented_notes. */
export const inventedNotes = definePath({
  name: 'invented_notes',
  trigger: 'mirrorInventedNote',
  ref: '${REF}',
  columns: {
    text: text((v) => v.text),
    sent_at: instant((v) => v.sentAt),
  },
  visibleTo: 'couple',
});
`);
  expect(read('src/paths.ts')).toBe(`import { questCompletions } from 'quest-mirror';
import { inventedNotes } from './paths/invented-notes';

export const neverMirror = ['pairing_codes'];

export default [questCompletions, inventedNotes];
`);
  const [migration] = readdirSync(join(folder, 'migrations'));
  expect(migration).toMatch(/^\d{14}_invented_notes\.sql$/);
  await database.query(`begin; ${read(`migrations/${migration}`)}; commit`);

  write(
    'src/index.ts',
    FILES['src/index.ts'].replace('mirrorApi,', 'mirrorApi, mirrorInventedNote,'),
  );
  expect(await compile()).toMatchObject({ code: 0, out: '' });
  expect(await newPath(REF)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/nothing to do/),
  });
  expect(await load('mirrorInventedNote')).toEqual(['mirrorInventedNote']);
  expect(await load('')).toEqual(['mirrorApi', 'mirrorInventedNote', 'mirrorQuestCompletion']);
}, 120_000);

test('a misspelt trigger does not compile, and zod is there for whoever asks', async () => {
  write('src/index.ts', FILES['src/index.ts'].replace('mirrorApi', 'mirrorAPI'));
  expect(await compile()).toMatchObject({ out: expect.stringContaining("'mirrorAPI'") });
  const schema = `import { z } from 'quest-mirror';
const note = z.object({ text: z.string() });
const parsed: z.infer<typeof note> = note.parse({ text: 'a' });
process.stdout.write(parsed.text);
`;
  write('src/index.ts', schema);
  expect(await compile()).toMatchObject({ code: 0, out: '' });
  expect(await run(['lib/index.js'])).toEqual({ code: 0, out: 'a', errors: '' });
}, 120_000);

test('verbs take the paths of this folder, or those that --paths names', async () => {
  write('lib/paths.js', `exports.default = [require('quest-mirror').questCompletions];`);
  write('others.js', `exports.default = [];`);
  const verb = (...args: string[]) =>
    run(['node_modules/quest-mirror/lib/cli/main.js', 'explain', 'a/b/c', ...args]);
  const unknown = async (...args: string[]) => (await verb('--path', 'lp_awards', ...args)).errors;
  expect(await unknown()).toBe(
    'mirror: --path: expected one of quest_completions, not lp_awards\n',
  );
  expect(await unknown('--paths', 'others.js')).toMatch(/--path: expected one of/);
  expect(await verb('--paths', 'nowhere.js')).toMatchObject({
    code: 2,
    errors: 'mirror: --paths: nowhere.js does not exist\n',
  });
  // Nor does a verb that asks Postgres for its paths take a name for nothing.
  expect(
    await run(['node_modules/quest-mirror/lib/cli/main.js', 'report', '--paths', 'nowhere.js']),
  ).toMatchObject({ code: 2, errors: 'mirror: --paths: nowhere.js does not exist\n' });
  write('others.js', 'throw new Error("MARKER")');
  expect(await verb('--paths', 'others.js')).toMatchObject({
    code: 2,
    errors: "mirror: others.js can't be loaded: MARKER\n",
  });
});

test('exported whole, no trigger is left out', async () => {
  write(
    'src/index.ts',
    `import { createMirror } from 'quest-mirror';
import paths, { neverMirror } from './paths';

export = createMirror({ paths, neverMirror });
`,
  );
  expect(await compile()).toMatchObject({ code: 0, out: '' });
  expect(await load('')).toEqual(expect.arrayContaining(['mirrorApi', 'mirrorInventedNote']));
  expect(await load('mirrorInventedNote')).toEqual(['mirrorInventedNote']);
});

test("what a kit's first index.ts exports anew are the functions of the app's paths", async () => {
  write('src/index.ts', `export * from 'quest-mirror';\n`);
  expect(await compile()).toMatchObject({ code: 0, out: '' });
  const names = await load('');
  expect(names).toEqual(
    expect.arrayContaining([...PATHS.map(({ trigger }) => trigger), ...SERVICES]),
  );
  expect(names).not.toContain('z');
});

test.each([
  ['exports.default = [undefined]', 'lib/paths.js: expected a list of paths'],
  ["exports.default = []; exports.neverMirror = 'a'", 'expected neverMirror to be a list of trees'],
])('a compiled list that is %s is refused in one line', async (text, message) => {
  write('lib/paths.js', text);
  const { code, errors } = await newPath('a/{coupleId}', '--dry-run');
  expect({ code, errors }).toEqual({ code: 2, errors: expect.stringContaining(message) });
});
