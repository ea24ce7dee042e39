import { NEVER_MIRROR, PATHS } from '../../functions/src/app-paths';
import { checkPaths } from '../../functions/src/paths/check-paths';
import { declarationHash } from '../../functions/src/paths/define-path';
import { APP_PATHS, NEVER_MIRRORED } from '../app/support/app-fixtures';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

test("the app's paths are declared, and its other trees are never mirrored", () => {
  const declared = PATHS.map(({ name, ref, trigger }) => ({ name, ref, trigger }));
  expect(declared).toEqual(expect.arrayContaining([...APP_PATHS]));
  expect(NEVER_MIRROR).toEqual(NEVER_MIRRORED);
  expect(() => checkPaths(PATHS, NEVER_MIRROR)).not.toThrow();
});

test('a migrated database knows these paths and no other', async () => {
  const known = await database.query<{ path: string }>('select path from mirror.paths');
  expect(known.map(({ path }) => path).sort()).toEqual(PATHS.map(({ name }) => name).sort());
});

test.each(PATHS)('$name: the declaration and the migration agree', async (mirrored) => {
  const [known] = await database.query(
    `select ref, relation, key_columns, other_columns, day_column, visible_to, declaration_hash
     from mirror.paths where path = $1`,
    [mirrored.name],
  );
  expect(known).toEqual({
    ref: mirrored.ref,
    relation: `rtdb.${mirrored.name}`,
    key_columns: mirrored.keyColumns,
    other_columns: mirrored.columns,
    day_column: mirrored.dayColumn,
    visible_to: mirrored.visibleTo,
    declaration_hash: declarationHash(mirrored),
  });
});

test('the hash tells apart what differs, and not what only stands in another order', () => {
  const [completions, , progression] = PATHS;
  const hashes = [
    declarationHash(progression),
    declarationHash({ ...progression, name: 'other' }),
    declarationHash({ ...progression, ref: 'other/{coupleId}' }),
    declarationHash({ ...progression, columns: {} }),
    declarationHash({ ...progression, columns: { ...progression.columns, more: 'text' } }),
    declarationHash({ ...progression, visibleTo: [] }),
    declarationHash({ ...progression, columns: {}, visibleTo: ['one'] }),
    declarationHash({ ...progression, columns: { one: 'text' }, visibleTo: [] }),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
  const visibleTo = completions.visibleTo.toReversed();
  expect(declarationHash({ ...completions, visibleTo })).toBe(declarationHash(completions));
});
