import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { declarationFile, type PathDraft } from '../../functions/src/new-path/declaration-file';
import { declaredSoFar } from '../../functions/src/new-path/declared-so-far';
import { createTableMigration } from '../../functions/src/new-path/migration-file';
import { nextMigrationFile } from '../../functions/src/new-path/migration-name';
import { withPath } from '../../functions/src/new-path/path-list';
import { REPOSITORY_LAYOUT, WRAPPER_LAYOUT } from '../../functions/src/new-path/project';

const ROOT = join(__dirname, '..', '..');
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
const MIGRATIONS = readdirSync(join(ROOT, 'migrations'))
  .sort()
  .map((name) => ({ name, sql: readFileSync(join(ROOT, 'migrations', name), 'utf8') }));

/** What Biome, as this repository sets it, makes of a file. */
function formatted(file: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-format-'));
  try {
    writeFileSync(join(folder, file), text);
    const config = ['--config-path', join(ROOT, 'biome.json'), '--vcs-enabled=false'];
    execFileSync(BIOME, ['check', '--write', ...config, folder], { cwd: folder, stdio: 'pipe' });
    return readFileSync(join(folder, file), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The app's own, whose author had the verb's template; what a later one adds is its author's. */
const FIRST = MIGRATIONS.filter(({ name }) => /^2026112800000[3-9]_/.test(name));

test.each(FIRST)('$name has every statement that the verb would write', (migration) => {
  const [entry] = declaredSoFar([migration]);
  const path = PATHS.find(({ name }) => name === entry?.[0]);
  if (entry === undefined || path === undefined) throw new Error('nothing is declared');
  const [, { columns, table, visibleTo }] = entry;
  const types = columns.map((column) => [column, table.get(column) ?? 'text']);
  const written = createTableMigration({ ...path, columns: Object.fromEntries(types), visibleTo });
  expect(statementsOf(migration.sql)).toEqual(expect.arrayContaining(statementsOf(written)));
});

function statementsOf(sql: string): string[] {
  return sql.replace(/^ *--.*\n/gm, '').split(/;\n\n?/);
}

test.each(PATHS)(
  'the migrations leave $name as it is declared',
  ({ name, ref, columns, visibleTo }) => {
    const migrated = declaredSoFar(MIGRATIONS).get(name);
    expect(migrated).toMatchObject({ ref, columns: Object.keys(columns), visibleTo });
    const types = Object.keys(columns).map((column) => [column, migrated?.table.get(column)]);
    expect(Object.fromEntries(types)).toEqual(columns);
  },
);

test('the migrations are read statement by statement, with what was added and dropped', () => {
  const declared = declaredSoFar([
    {
      name: '20260101000000_a.sql',
      sql: `create table rtdb.a (
        couple_id text collate "C" not null, -- text_in_a_comment text
        "order" integer,
        ratio double precision
      );
      select mirror.declare_path('a', 'a''s/{coupleId}', columns => '{order, ratio}');`,
    },
    {
      name: '20260102000000_a.sql',
      sql: `alter table rtdb.a add column at timestamp with time zone, add kind text;
      alter table rtdb.a drop column ratio;
      select mirror.declare_path('a', 'a''s/{coupleId}',
        columns => '{
          order,
          kind
        }', visible_to => '{couple}');`,
    },
  ]);
  expect(declared.get('a')).toEqual({
    ref: "a's/{coupleId}",
    columns: ['order', 'kind'],
    visibleTo: ['couple'],
    table: new Map([
      ['couple_id', 'text'],
      ['order', 'integer'],
      ['at', 'timestamp with time zone'],
      ['kind', 'text'],
    ]),
    file: '20260102000000_a.sql',
  });
});

const DRAFT: PathDraft = {
  name: 'a',
  trigger: 'mirrorA',
  ref: 'a/{coupleId}',
  day: null,
  columns: [],
  visibleTo: [],
};
const LONG_REF = `a/{coupleId}/${'long_'.repeat(16)}/{dateKey}`;

test.each<[string, Partial<PathDraft>]>([
  ['nothing but a ref', {}],
  ['a ref that fills its line', { ref: `a/{coupleId}/${'x'.repeat(77)}` }],
  ['a ref that is too long for its line', { ref: LONG_REF, day: 'dateKey' }],
  ['a quote in its ref', { ref: "it's/{coupleId}" }],
  ['quotes of both kinds in its ref', { ref: `'"it's"/{coupleId}/\\` }],
  [
    'columns of every type, odd fields among them',
    {
      columns: [
        { column: 'a', type: 'text', field: 'first-name' },
        { column: 'b', type: 'boolean', field: 'b' },
        { column: 'c', type: 'bigint', field: 'c' },
        { column: 'd', type: 'double precision', field: 'd' },
        { column: 'e', type: 'timestamp with time zone', field: 'e' },
        { column: 'f'.repeat(40), type: 'integer', field: 'f'.repeat(30) },
        { column: 'g', type: 'text', field: null },
      ],
      visibleTo: ['a', 'g'],
    },
  ],
])('a declaration with %s is formatted as the linter wants it', (_, change) => {
  for (const { imports } of [REPOSITORY_LAYOUT, WRAPPER_LAYOUT]) {
    const text = declarationFile({ ...DRAFT, ...change }, 'a', imports);
    expect(formatted('a.ts', text)).toBe(text);
  }
});

const IMPORTED = `import { a } from './paths/a';
import { b2 } from './paths/b2';
import { questCompletions } from './quests/quest-completions';

`;

test.each([
  ['short', `${IMPORTED}export const PATHS = [a, b2, questCompletions] as const;\n`],
  [
    'of one line that gets full',
    `${IMPORTED}export const PATHS = [a, ${'b2, '.repeat(9)}questCompletions] as const;\n`,
  ],
  [
    'with a comment',
    `${IMPORTED}export const PATHS = [\n  // The first.\n  a,\n  b2,\n  questCompletions,\n] as const;\n`,
  ],
  ['empty', 'export const PATHS = [] as const;\n'],
])('a list that is %s gets the path at its end, and the import in its place', (_, text) => {
  const list = { file: 'app-paths.ts', text, opening: REPOSITORY_LAYOUT.listOpening };
  const written = withPath(list, 'loveNotes', './paths/b10');
  expect(formatted('app-paths.ts', written)).toBe(written);
  expect(written).toMatch(/\bloveNotes,?\s*\] as const;\n$/);
  expect(written).toContain("import { loveNotes } from './paths/b10';\n");
});

test('a file without a list is named', () => {
  const list = { file: 'src/paths.ts', text: 'export {};\n', opening: WRAPPER_LAYOUT.listOpening };
  expect(() => withPath(list, 'a', './paths/a')).toThrow(
    'src/paths.ts: expected a list such as export default [];',
  );
});

test.each([
  ['2026-11-28T12:00:00Z', ['20261128000009_a.sql'], 'migrations/20261128120000_b.sql'],
  ['2026-11-28T12:00:00Z', ['20271231235959_a.sql'], 'migrations/20280101000000_b.sql'],
  ['2026-11-28T12:00:00Z', ['20280101000099_a.sql'], 'migrations/20280101000100_b.sql'],
  ['2026-11-28T12:00:00Z', [], 'migrations/20261128120000_b.sql'],
])('at %s after %j the migration is %s', (now, names, file) => {
  const migrations = names.map((name) => ({ name, sql: '' }));
  expect(nextMigrationFile('migrations', 'b', migrations, new Date(now))).toBe(file);
});
