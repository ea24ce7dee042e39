import { type Column, integer } from '../../functions/src/paths/columns';
import { declarationHash, definePath } from '../../functions/src/paths/define-path';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { allDivergences, mirrorPathOn, writeOf } from '../support/mirror';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

interface Table {
  name: string;
  /** The parts of the ref, and the key columns. */
  key: readonly string[];
  columns?: readonly string[];
}

/** A table as a migration makes it. */
const createTable = ({ name, key, columns = [] }: Table) =>
  database.query(
    `create table rtdb.${name} (
       ${key.map((column) => `"${column}" text collate "C" not null,`).join(' ')}
       ${columns.map((column) => `"${column}" integer,`).join(' ')}
       payload jsonb, origin text not null, event_id text, event_time timestamptz not null,
       deleted_at timestamptz, tie_settled boolean not null default false,
       mirrored_at timestamptz not null default clock_timestamp(),
       primary key (${key.map((column) => `"${column}"`).join(', ')})
     )`,
  );

const refOf = ({ name, key }: Table) => [name, ...key.map((part) => `{${part}}`)].join('/');

const declare = (table: Table, visibleTo: readonly string[] = [], ref = refOf(table)) =>
  database.query('select mirror.declare_path($1, $2, $3, $4)', [
    ...[table.name, ref, table.columns ?? [], visibleTo],
  ]);

describe('mirror.declare_path refuses', () => {
  const table: Table = { name: 'sound', key: ['a', 'b'], columns: ['amount'] };

  beforeAll(() => createTable(table));

  test.each<[string, Table, string]>([
    ['a path without a table', { ...table, name: 'nowhere' }, 'relation "rtdb.nowhere" does not'],
    ['columns that the table lacks', { ...table, columns: ['x', 'y'] }, 'lacks columns: x, y'],
    ['a part that the table lacks', { ...table, key: ['a', 'c'] }, 'lacks columns: c'],
    [
      'another order of the key',
      { ...table, key: ['b', 'a'] },
      'the primary key of rtdb.sound is (a, b), and its ref asks for (b, a)',
    ],
    ['a part too few', { ...table, key: ['a'] }, 'and its ref asks for (a)'],
  ])('%s', async (_name, wrong, message) => {
    await expect(declare(wrong)).rejects.toThrow(message);
  });

  test.each<[string, string[]]>([
    ['of the key', ['amount', 'b']],
    ['of every table', ['amount', 'payload']],
    ['said before', ['amount', 'amount']],
  ])('a column that is one %s', async (_case, columns) => {
    await expect(declare({ ...table, columns })).rejects.toThrow(
      `columns of rtdb.sound names one twice, or one that is not its own: ${columns[1]}`,
    );
  });

  test.each(['integer', 'varchar(10)', 'uuid', 'timestamptz'])('a key of %s', async (type) => {
    const odd: Table = { name: `key_${type.slice(0, 4)}`, key: ['a', 'b'] };
    await createTable(odd);
    await database.query(`alter table rtdb.${odd.name} alter b type ${type} using null`);
    await expect(declare(odd)).rejects.toThrow('needs text, or a date: b');
  });

  test('two dates in one key', async () => {
    const dated: Table = { name: 'dated', key: ['a', 'b'] };
    await createTable(dated);
    await database.query(
      'alter table rtdb.dated alter a type date using null, alter b type date using null',
    );
    await expect(declare(dated)).rejects.toThrow('one date in its key, not: a, b');
  });

  test('a column that Postgres fills itself', async () => {
    const made: Table = { name: 'made', key: ['a'], columns: ['amount'] };
    await createTable({ ...made, columns: [] });
    await database.query('alter table rtdb.made add amount integer generated always as (1) stored');
    await expect(declare(made)).rejects.toThrow('generated columns of rtdb.made: amount');
  });

  test('viewers that are no column', async () => {
    await expect(declare(table, ['couple', 'user_id'])).rejects.toThrow(
      'visible_to names no column of rtdb.sound: user_id',
    );
  });

  test('viewers that are no text', async () => {
    await expect(declare(table, ['couple', 'amount'])).rejects.toThrow(
      'visible_to needs text in: amount',
    );
    const days: Table = { name: 'days', key: ['a'] };
    await createTable(days);
    await database.query('alter table rtdb.days alter a type date using null');
    await expect(declare(days, ['couple'])).rejects.toThrow('visible_to needs text in: a');
  });

  test('a key that is ordered by a language’s rules', async () => {
    const unordered: Table = { name: 'unordered', key: ['a'] };
    await createTable(unordered);
    await database.query('alter table rtdb.unordered alter a type text collate "default"');
    await expect(declare(unordered)).rejects.toThrow('rtdb.unordered needs collation "C" for: a');
  });

  test.each(['Amount', 'a'.repeat(63), 'a b'])('the column name %s', async (column) => {
    const odd: Table = { name: `odd_${column.length}`, key: ['a'], columns: [column] };
    await createTable(odd);
    await expect(declare(odd)).rejects.toThrow('has a name that is not plain');
  });

  test('a null among its columns, as a bare word in a list of text is', async () => {
    const nulls: Table = { name: 'nulls', key: ['a'], columns: ['null'] };
    await createTable(nulls);
    await expect(
      database.query(`select mirror.declare_path('nulls', $1, columns => '{null}')`, [
        refOf(nulls),
      ]),
    ).rejects.toThrow('a list of nulls holds a null: write "null"');
  });

  test('two paths with one ref', async () => {
    const first: Table = { name: 'first_path', key: ['a'] };
    const second: Table = { name: 'second_path', key: ['a'] };
    await Promise.all([createTable(first), createTable(second)]);
    await declare(first);
    await expect(declare(second, [], refOf(first))).rejects.toThrow('paths_ref_once');
    // Under another name, once the first is mirrored no more.
    await database.query(`update mirror.paths set removed_at = now() where path = 'first_path'`);
    await declare(second, [], refOf(first));
    await expect(declare(first)).rejects.toThrow('paths_ref_once');
  });

  test('and whoever isn’t the owner of the schema', async () => {
    const [row] = await database.query(
      `select bool_or(has_function_privilege(r.rolname, p.oid, 'execute')) as may
       from pg_proc as p
       cross join pg_roles as r
       where pronamespace = 'mirror'::regnamespace
         and proname in ('declare_path', 'build_path', 'build_apply_function', 'rebuild_paths')
         and rolname in ('quest_mirror_writer', 'quest_mirror_api', 'quest_mirror_reader')`,
    );
    expect(row).toEqual({ may: false });
  });
});

test('a path that was removed gives its ref up, until another has it', async () => {
  const old: Table = { name: 'old_name', key: ['a'] };
  const renamed: Table = { name: 'new_name', key: ['a'] };
  await Promise.all([createTable(old), createTable(renamed)]);
  await declare(old);
  await database.query(`update mirror.paths set removed_at = now() where path = 'old_name'`);
  await declare(renamed, [], refOf(old));
  await expect(declare(old)).rejects.toThrow('paths_ref_once');
  await database.query(`update mirror.paths set removed_at = now() where path = 'new_name'`);
  await declare(old);
  const mirrored = await database.query(
    `select path from mirror.paths where ref = $1 and removed_at is null`,
    [refOf(old)],
  );
  expect(mirrored).toEqual([{ path: 'old_name' }]);
});

test('rebuilding replaces an apply function that answers with other columns', async () => {
  const table: Table = { name: 'rebuilt', key: ['a'] };
  await createTable(table);
  await declare(table);
  await database.query(
    `drop function mirror.apply_rebuilt(jsonb, text, jsonb);
     create function mirror.apply_rebuilt(claims jsonb, lock_wait text, told jsonb)
     returns table (n integer, verdict text) language sql as 'select 1, ''of old'''`,
  );
  await database.query('select mirror.rebuild_paths()');
  const mayCall = `array(
    select rolname::text from pg_roles as r
    where rolname like 'quest_mirror_%' and has_function_privilege(r.rolname, p.oid, 'execute')
  )`;
  const [rebuilt, other] = await database.query(
    `select pg_get_function_result(oid) as result, ${mayCall} as callers
     from pg_proc as p where proname in ('apply_rebuilt', 'apply_lp_awards') order by proname desc`,
  );
  expect(rebuilt).toEqual(other);
  expect(rebuilt).toMatchObject({ callers: ['quest_mirror_writer'] });
});

/** What the apply function calls things itself. */
const ITS_OWN_WORDS = [
  ...['n', 'q', 'c', 'h', 'i', 'j', 'u', 'log', 'ref', 'key', 'path', 'shard', 'day', 'told'],
  ...['claims', 'claim', 'held', 'judged', 'inserted', 'updated', 'settled', 'logged', 'late'],
  ...['verdict', 'action', 'lock_wait', 'lag_ms', 'missed_event', 'row_event_id', 'row_payload'],
  ...['before_known', 'before_payload', 'before_hash', 'payload_hash', 'settles_tie', 'detail'],
  ...['retained_before', 'instance', 'host', 'is_gap', 'held_payload', 'is_late', 'behind_ms'],
  ...['table', 'columns', 'assignments', 'function', 'select', 'user', 'constructor'],
];

/** A path through its life, beside one that is missed and one that comes twice. */
async function live(table: Table): Promise<void> {
  await createTable(table);
  await declare(table);
  const columns = (table.columns ?? []).map((name): [string, Column] => [
    name,
    integer((v) => v.amount),
  ]);
  const mirrored = definePath<string, string, string>({
    ...{ name: table.name, trigger: 'mirrorOdd', ref: refOf(table) },
    columns: Object.fromEntries(columns),
  });
  const under = mirrorPathOn(mirrored, database.url, () => ({ amount: 4 }));
  const write = (n: number, before: unknown, after: unknown, id = `e${n}`) => {
    const ref = [table.name, ...table.key.map(() => 'k')].join('/');
    return under.mirror(writeOf({ id, ref, before, after, time: `2025-11-20T00:00:0${n}Z` }));
  };
  const outcomes = [
    await write(1, null, { amount: 1 }),
    await write(2, { amount: 1 }, { amount: 2 }),
    await write(2, { amount: 1 }, { amount: 2 }),
    await write(1, null, { amount: 1 }, 'another'),
    await write(4, { amount: 3 }, { amount: 5 }),
    await write(4, { amount: 5 }, { amount: 4 }, 'same time'),
  ];
  await under.store.close();
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    ...['applied', 'applied', 'duplicate', 'stale', 'applied', 'tied'],
  ]);
  const rows = await database.query<{ row: object }>(
    `select to_jsonb(t) as row from rtdb.${table.name} as t`,
  );
  const shown = Object.fromEntries([
    ...table.key.map((column) => [column, 'k']),
    ...columns.map(([column]) => [column, 4]),
  ]);
  expect(rows).toMatchObject([{ row: { ...shown, payload: { amount: 4 } } }]);
  const logged = await database.query('select key from mirror.divergence_log where path = $1', [
    table.name,
  ]);
  const key = Object.fromEntries(table.key.map((column) => [column, 'k']));
  expect(logged).toEqual([{ key }, { key }]);
}

test.each([...ITS_OWN_WORDS, 'a'.repeat(62)])('a column may be called %s', async (column) => {
  await live({ name: `of_${column}`.slice(0, 40), key: ['couple_id'], columns: [column] });
});

test.each(ITS_OWN_WORDS)('a part may be called %s', async (part) => {
  await live({ name: `by_${part}`, key: [part, 'more'], columns: ['amount'] });
});

test('all of them at once', async () => {
  const [first = '', ...columns] = ITS_OWN_WORDS;
  const table = { name: 'many_columns', key: [first], columns };
  await live(table);
  const [known] = await database.query<{ hash: string }>(
    'select declaration_hash as hash from mirror.paths where path = $1',
    [table.name],
  );
  const declared = definePath<string, string, string>({
    ...{ name: table.name, trigger: 'mirrorOdd', ref: refOf(table) },
    columns: Object.fromEntries(columns.map((name) => [name, integer(() => 1)])),
  });
  expect(known?.hash).toBe(declarationHash(declared));
});

test.each([
  ['that the table lacks', 'narrow', [], 'amount integer'],
  ['that has another type in the table', 'worded', ['amount'], 'amount integer'],
])('a column %s fails the events, and says so', async (_case, name, columns, said) => {
  const table: Table = { name, key: ['a'], columns };
  await createTable(table);
  for (const column of columns) {
    await database.query(`alter table rtdb.${name} alter column ${column} type text`);
  }
  await declare(table);
  const wider = definePath<string, string, string>({
    ...{ name, trigger: 'mirrorNarrow', ref: `${name}/{a}` },
    columns: { amount: integer((v) => v.amount) },
  });
  const under = mirrorPathOn(wider, database.url, () => null);
  const event = writeOf({ id: 'e1', ref: `${name}/k`, after: { amount: 1 } });
  await expect(under.mirror(event)).rejects.toThrow(
    `table rtdb.${name} lacks columns of the declaration, or has others by their names: ${said}`,
  );
  await under.store.close();
  expect(await allDivergences(database)).not.toContainEqual(
    expect.objectContaining({ kind: 'write_rejected' }),
  );
});

test('a day that is no part of the declaration fails the events: any text would become a date', async () => {
  await database.query(
    'create table rtdb.daily_steps (like rtdb.steps including all); alter table rtdb.daily_steps rename couple_id to a',
  );
  await database.query(`select mirror.declare_path('daily_steps', 'daily_steps/{a}/{dateKey}')`);
  const undated = definePath({
    name: 'daily_steps',
    trigger: 'mirrorDailySteps',
    ref: 'daily_steps/{a}/{dateKey}',
  });
  const under = mirrorPathOn(undated, database.url, () => null);
  const event = writeOf({ id: 'e1', ref: 'daily_steps/k/today', after: true });
  await expect(under.mirror(event)).rejects.toThrow('date_key text');
  await under.store.close();
});

test('a column that was dropped under its path stops a rebuild, which names it', async () => {
  const table: Table = { name: 'shrunk', key: ['a'], columns: ['amount', 'kept'] };
  await createTable(table);
  await declare(table);
  await database.query('alter table rtdb.shrunk drop column amount');
  await expect(database.query('select mirror.rebuild_paths()')).rejects.toThrow(
    'rtdb.shrunk lacks columns: amount',
  );
  await declare({ ...table, columns: ['kept'] });
  await database.query('select mirror.rebuild_paths()');
});

test('a column that the declaration lacks keeps what it shows', async () => {
  const table: Table = { name: 'wide', key: ['a'], columns: ['amount', 'later'] };
  await createTable(table);
  await declare(table);
  const older = definePath({
    ...{ name: 'wide', trigger: 'mirrorWide', ref: 'wide/{a}' },
    columns: { amount: integer((v) => v.amount) },
  });
  const under = mirrorPathOn(older, database.url, () => null);
  await under.mirror(writeOf({ id: 'e1', ref: 'wide/k', after: { amount: 1 } }));
  await database.query('update rtdb.wide set later = 7');
  const time = '2025-11-19T12:00:01Z';
  await under.mirror(
    writeOf({ id: 'e2', ref: 'wide/k', before: { amount: 1 }, after: { amount: 2 }, time }),
  );
  await under.store.close();
  expect(await database.query('select amount, later from rtdb.wide')).toEqual([
    { amount: 2, later: 7 },
  ]);
});
