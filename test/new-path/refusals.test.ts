import { z } from 'zod';
import { planChange } from '../../functions/src/new-path/plan-change';
import { type Project, REPOSITORY_LAYOUT } from '../../functions/src/new-path/project';
import { bigint } from '../../functions/src/paths/columns';
import { definePath } from '../../functions/src/paths/define-path';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** Dry, as this is the repository itself: plans are made before anything is written. */
const newPath = (args: string[], env: Record<string, string> = {}) =>
  runCommand(['new-path', ...args, '--dry-run'], env);

const refuse = async (args: string[], message: string, env: Record<string, string> = {}) => {
  const { code, out, errors } = await newPath(args, env);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(errors).toMatch(/^mirror: [^\n]+\n$/);
  expect(errors).toContain(message);
};

test.each([
  ['no pattern', ['a//{b}'], 'expected keys and parts such as {coupleId}, joined by /'],
  ['no part', ['a/b'], 'expected a part such as {coupleId}'],
  ['two parts of one name', ['a/{coupleId}/{couple_id}'], "two of the ref's parts and columns"],
  ['a reserved part', ['a/{payload}'], 'column payload: the name is reserved'],
  ['no name', ['{coupleId}'], 'no name follows from it: choose one with --name'],
  ['a bad name', ['a/{b}', '--name', 'A'], 'name: expected [a-z][a-z0-9_]{0,39}'],
  ['a name that is taken', ['a/{b}', '--name', 'lp_awards'], 'two paths have this name'],
  ['a trigger that is taken', ['a/{b}', '--trigger', 'mirrorLpAward'], 'has the same trigger'],
  ['a service', ['a/{b}', '--trigger', 'mirrorApi'], 'a function of the mirror has this name'],
  [
    'nodes of another path',
    ['lp_awards/{pair}/{id}', '--name', 'a'],
    'meets the nodes of lp_awards',
  ],
  ['what is never mirrored', ['pairing_codes/{code}'], 'which is never mirrored'],
  ['a day that is no part', ['a/{b}', '--day', 'c'], 'day: expected a part of the ref'],
  ["nobody's column", ['a/{b}', '--visible-to', 'c'], 'visibleTo: there is no column "c"'],
  ['a file that is there', ['a/{b}', '--name', 'columns'], 'columns.ts: the file exists already'],
  ['no export', ['a/{b}', '--sample', 'no-such-file'], '--sample: expected an export of RTDB'],
  [
    'options for a declared path',
    ['lp_awards/{coupleId}/{awardId}', '--no-day'],
    'is declared with',
  ],
])('%s is refused in one line', (_, args, message) => refuse(args, message));

test('a table of that name in Postgres is refused', async () => {
  await database.query('create table rtdb.invented_notes ()');
  const env = { DATABASE_URL: database.url };
  await refuse(['invented_notes/{coupleId}'], 'rtdb.invented_notes is a table or view', env);
});

test('an RTDB that does not answer is named', async () => {
  const env = { FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9' };
  await refuse(['invented_notes/{coupleId}'], "RTDB can't be reached", env);
}, 30_000);

test('Postgres that does not answer is no hindrance, and is said', async () => {
  const env = { DATABASE_URL: 'postgres://u:p@127.0.0.1:9/x' };
  const { code, out } = await newPath(['invented_notes/{coupleId}'], env);
  expect(code).toBe(0);
  expect(out).toContain('not checked whether Postgres has a table of that name: Cannot connect');
});

test('--json tells all that would be written', async () => {
  const args = ['invented_notes/{coupleId}', '--json', '--no-sample', '--visible-to', 'nobody'];
  const { code, out } = await newPath(args);
  expect(code).toBe(0);
  const plan = z.looseObject({ files: z.array(z.looseObject({ file: z.string() })) });
  expect(plan.parse(JSON.parse(out))).toMatchObject({
    plan: 'new',
    dryRun: true,
    path: {
      name: 'invented_notes',
      trigger: 'mirrorInventedNote',
      day: null,
      columns: [],
      visibleTo: [],
    },
    files: [
      { file: 'functions/src/paths/invented-notes.ts', isNew: true },
      { file: expect.stringMatching(/^migrations\/\d+_invented_notes\.sql$/), isNew: true },
      { file: 'functions/src/app-paths.ts', isNew: false },
    ],
  });
});

describe('a declaration and its migrations', () => {
  const NOTES = {
    name: 'notes',
    trigger: 'mirrorNote',
    ref: 'notes/{coupleId}',
    columns: { likes: bigint((v) => v.likes) },
  };
  const path = definePath(NOTES);
  const project = (sql: string | null): Project => ({
    layout: REPOSITORY_LAYOUT,
    paths: [path],
    neverMirror: [],
    migrations: sql === null ? [] : [{ name: '20260101000000_notes.sql', sql }],
    listText: '',
    hasFile: () => false,
  });
  const plan = (sql: string | null) => planChange(path, project(sql), new Date());
  const migrated = (columns: string, told: string) => `
    create table rtdb.notes (couple_id text collate "C"
      ${columns}
    );
    select mirror.declare_path('notes', 'notes/{coupleId}' ${told});`;

  test('without a migration the whole table is written', () => {
    const { kind, files } = { files: [], ...plan(null) };
    expect(kind).toBe('table');
    expect(files).toMatchObject([{ text: expect.stringContaining('create table rtdb.notes (') }]);
  });

  test('a column that an earlier declaration had is declared again, and not added', () => {
    const { kind, files } = { files: [], ...plan(migrated(',\nlikes bigint', '')) };
    expect(kind).toBe('change');
    expect(files).toMatchObject([{ text: expect.not.stringContaining('alter table') }]);
    expect(files).toMatchObject([{ text: expect.stringContaining("columns => '{likes}'") }]);
  });

  test('a column that changes its type is refused, with what the table has', () => {
    expect(() => plan(migrated(',\nlikes integer', ", columns => '{likes}'"))).toThrow(
      'path "notes": column likes: expected integer, which the table has, not bigint',
    );
  });

  test.each([
    ['its ref', { ref: 'notes/{coupleId}/all' }, 'ref: expected notes/{coupleId}, as 2026'],
    ['its day', { day: 'coupleId' as const }, 'day: expected none, as 2026'],
    ['its name', { name: 'remarks' }, 'name: expected notes, as 20260101000000_notes.sql'],
  ])('a path that changes %s is refused', (_, change, message) => {
    const changed = definePath({ ...NOTES, ...change });
    expect(() =>
      planChange(
        changed,
        project(migrated(',\nlikes bigint', ", columns => '{likes}'")),
        new Date(),
      ),
    ).toThrow(message);
  });

  test('a name that follows on one that a migration removed has a table of its own', () => {
    const removed = `${migrated(',\nlikes bigint', '')}
      update mirror.paths set removed_at = clock_timestamp() where path = 'notes';`;
    const renamed = definePath({ ...NOTES, name: 'remarks' });
    expect(planChange(renamed, project(removed), new Date()).kind).toBe('table');
  });
});
