import {
  type AppDatabase,
  applyRows,
  applyTree,
  appUser,
  type Caller,
  membersOf,
  startAppDatabase,
} from './support/app-database';
import { APP_PATHS, type AppPath, appFixture } from './support/app-fixtures';
import { type ExpectedRow, expectedRows, keyColumns } from './support/expected-rows';
import { APP_VIEWS, type AppView } from './support/expected-views';

const { after: TREE } = appFixture();

/** By column, each as text. */
type Shown = Record<string, unknown>;

const idsOf = ({ key }: ExpectedRow) => membersOf(key.couple_id ?? '');

/** What a path's table holds: all, or the rows of couples with this id. */
const rowsOf = ({ ref }: AppPath, id: string | null): ExpectedRow[] =>
  expectedRows(TREE, ref).filter((row) => id === null || idsOf(row).includes(id));

const viewRowsOf = ({ path, rows }: AppView, id: string | null): Shown[] =>
  APP_PATHS.filter(({ name }) => name === path)
    .flatMap((declared) => rowsOf(declared, id))
    .flatMap(({ key, value }) => rows(Object(value)).map((row) => ({ ...key, ...row })));

/** Every id of the fixtures' couples. */
const IDS = [...new Set(APP_PATHS.flatMap((path) => rowsOf(path, null).flatMap(idsOf)))].filter(
  (id) => id !== '',
);

let database: AppDatabase;

beforeAll(async () => {
  database = await startAppDatabase();
  await applyTree(database, TREE);
});

afterAll(() => database.stop());

/** The order of rows, and of keys inside a payload, means nothing. */
const sorted = (rows: Shown[]) => {
  const nameOf = (row: Shown) =>
    JSON.stringify(Object.entries({ ...row, payload: null }).sort(([a], [b]) => (a < b ? -1 : 1)));
  return rows.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
};

const tableAs = async (caller: Caller, { name, ref }: AppPath) =>
  sorted(
    await database.as(
      caller,
      `select ${keyColumns(ref).map((column) => `${column}::text`)}, payload from rtdb.${name}`,
    ),
  );

const viewAs = async (caller: Caller, { view }: AppView) =>
  sorted(
    (await database.as<{ row: Shown }>(caller, `select to_jsonb(v) as row from rtdb.${view} as v`))
      .map(({ row }) => row)
      .map((row) =>
        'answered_at' in row
          ? { ...row, answered_at: new Date(String(row.answered_at)).toISOString() }
          : row,
      ),
  );

const tableRows = (path: AppPath, id: string | null) =>
  sorted(rowsOf(path, id).map(({ key, value }) => ({ ...key, payload: value })));
const viewRows = (view: AppView, id: string | null) => sorted(viewRowsOf(view, id));

const READER: Caller = { role: 'quest_mirror_reader', claims: null };
const DENIED = { code: '42501' };

test('the fixtures have ids of every form', () => {
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  expect(IDS.filter((id) => UUID.test(id)).length).toBeGreaterThan(2);
  expect(IDS.filter((id) => /^.*_.*:.*-$/.test(id)).length).toBeGreaterThan(1);
  expect(IDS.filter((id) => /^(ida|noa)-dev-user-/.test(id))).toHaveLength(2);
  expect(rowsOf({ ref: 'quiz_progression/{coupleId}' } as AppPath, null).map(idsOf)).toContainEqual(
    ['', expect.stringMatching(UUID)],
  );
});

test("every view in schema rtdb is in this test, and runs with its caller's rights", async () => {
  const views = await database.query<{ view: string; options: string[] }>(
    `select relname as view, reloptions as options from pg_class
     where relnamespace = 'rtdb'::regnamespace and relkind in ('v', 'm') order by relname`,
  );
  expect(views).toEqual(
    APP_VIEWS.map(({ view }) => view)
      .sort()
      .map((view) => ({ view, options: ['security_invoker=true'] })),
  );
});

describe('the reader sees everything', () => {
  test.each(APP_PATHS)('in $name', async (path) => {
    expect(await tableAs(READER, path)).toEqual(tableRows(path, null));
  });

  test.each(APP_VIEWS)('in $view', async (view) => {
    expect(await viewAs(READER, view)).toEqual(viewRows(view, null));
    expect(viewRows(view, null).length).toBeGreaterThan(10);
  });
});

describe.each(IDS)('the user %s', (id) => {
  test.each(APP_PATHS)("sees his couples' rows alone in $name", async (path) => {
    expect(await tableAs(appUser(id), path)).toEqual(tableRows(path, id));
  });

  test.each(APP_VIEWS)("sees his couples' rows alone in $view", async (view) => {
    expect(await viewAs(appUser(id), view)).toEqual(viewRows(view, id));
  });
});

const ALL = [
  ...APP_PATHS.map(({ name }) => `rtdb.${name}`),
  ...APP_VIEWS.map(({ view }) => `rtdb.${view}`),
];

describe.each(ALL)('%s', (relation) => {
  const count = async (caller: Caller) => {
    const rows = await database.as(caller, `select from ${relation}`);
    return rows.length;
  };

  test.each(['zoe', '', '_', 'ida', 'ida-dev-user', ...IDS.slice(0, 1).map((id) => `${id}_`)])(
    'shows nothing to a user %j',
    async (sub) => expect(await count(appUser(sub))).toBe(0),
  );

  test.each([null, '', '{}', '{"sub":null}', '[]'])('shows nothing to claims %j', async (claims) =>
    expect(await count({ role: 'authenticated', claims })).toBe(0),
  );

  // Old phones claim completions through the API, and nothing else.
  const others = relation === 'rtdb.quest_completions' ? ['anon'] : ['anon', 'quest_mirror_api'];

  test.each(others)('is closed to %s', async (role) => {
    const { claims } = appUser(IDS[0] ?? '');
    await expect(count({ role, claims })).rejects.toMatchObject(DENIED);
  });

  test.each([
    `delete from ${relation}`,
    `update ${relation} set couple_id = 'mine'`,
    `insert into ${relation} (couple_id) values ('mine')`,
  ])('an app user may not: %s', async (text) => {
    // A view of several tables takes no writes from anyone.
    const refused = { code: expect.stringMatching(/^(42501|55000)$/) };
    await expect(database.as(appUser(IDS[0] ?? ''), text)).rejects.toMatchObject(refused);
  });
});

test('an app user has no name for anything in schema mirror', async () => {
  const call = `select mirror.integer_of('1')`;
  await expect(database.as(appUser('zoe'), call)).rejects.toMatchObject(DENIED);
});

describe('what was removed', () => {
  beforeAll(async () => {
    for (const path of APP_PATHS) {
      const removals = rowsOf(path, null).map(({ key }) => ({ key, value: null }));
      const verdicts = await applyRows(database, path, removals, '2025-11-22T00:00:00Z');
      expect(new Set(verdicts)).toEqual(new Set(['applied']));
    }
  });

  test.each(APP_PATHS)('is a tombstone in $name, which no app user sees', async (path) => {
    expect(await tableAs(READER, path)).toEqual(
      sorted(rowsOf(path, null).map(({ key }) => ({ ...key, payload: null }))),
    );
    for (const id of IDS) expect(await tableAs(appUser(id), path)).toEqual([]);
  });

  test.each(APP_VIEWS)('is in $view for nobody', async (view) => {
    for (const caller of [READER, ...IDS.map(appUser)])
      expect(await viewAs(caller, view)).toEqual([]);
  });

  test.each(APP_PATHS)('is purged from $name, with a day or without', async ({ name }) => {
    const [counted] = await database.query<{ tombstones: string }>(
      `select tombstones from mirror.count_purgeable('7 days', 7) where path = $1`,
      [name],
    );
    const [purged] = await database.query<{ removed: string }>(
      `select mirror.purge_tombstones($1, '7 days', 7, 1000) as removed`,
      [name],
    );
    expect(Number(purged?.removed)).toBe(Number(counted?.tombstones));
    expect(await database.query(`select from rtdb.${name}`)).toEqual([]);
  });
});
