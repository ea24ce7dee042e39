import { cloneDatabase, type TestDatabase } from '../support/database';
import { APP_PATHS } from './support/app-fixtures';
import { keyColumns } from './support/expected-rows';

/** What every path's table has beside its key and its declared columns. */
const VERSION_COLUMNS = {
  payload: 'jsonb',
  origin: 'text not null',
  event_id: 'text',
  event_time: 'timestamp with time zone not null',
  deleted_at: 'timestamp with time zone',
  tie_settled: 'boolean not null default false',
  mirrored_at: 'timestamp with time zone not null default clock_timestamp()',
};

interface Declared {
  ref: string;
  key_columns: string[];
  other_columns: Record<string, string>;
  day_column: string | null;
  visible_to: string[];
}

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

const declarationOf = async (name: string): Promise<Declared> => {
  const [declared] = await database.query<Declared>(
    `select ref, key_columns, other_columns, day_column, visible_to
     from mirror.paths where path = $1 and relation = 'rtdb.' || path`,
    [name],
  );
  if (declared === undefined) throw new Error(`${name} is not declared`);
  return declared;
};

const COLUMNS = `
select
  attname as name,
  concat(
    format_type(atttypid, atttypmod),
    case when attcollation = '"C"'::regcollation then ' collate "C"' end,
    case when attnotnull then ' not null' end,
    ' default ' || pg_get_expr(adbin, adrelid)
  ) as definition
from pg_attribute
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid = to_regclass('rtdb.' || $1) and attnum > 0 and not attisdropped
order by attnum`;

const columnsOf = async (name: string): Promise<[string, string][]> => {
  const rows = await database.query<{ name: string; definition: string }>(COLUMNS, [name]);
  return rows.map(({ name: column, definition }) => [column, definition]);
};

test('every path of the app is declared', async () => {
  const declared = await database.query<{ path: string; ref: string }>(
    'select path, ref from mirror.paths',
  );
  const wanted = APP_PATHS.map(({ name, ref }) => ({ path: name, ref }));
  expect(declared).toEqual(expect.arrayContaining(wanted));
});

// Completions have columns of their own: a claim's, and one that is never null.
const FURTHER_PATHS = APP_PATHS.filter(({ name }) => name !== 'quest_completions');

describe.each(FURTHER_PATHS)('$name', ({ name, ref }) => {
  test('its table has the key, the declared columns, and what every table has', async () => {
    const declared = await declarationOf(name);
    const key = keyColumns(ref).map((column) => [
      column,
      column === declared.day_column ? 'date not null' : 'text collate "C" not null',
    ]);
    const columns = await columnsOf(name);
    expect(columns.slice(0, key.length)).toEqual(key);
    expect(Object.fromEntries(columns.slice(key.length))).toEqual({
      ...declared.other_columns,
      ...VERSION_COLUMNS,
    });
    expect(declared.key_columns).toEqual(keyColumns(ref));
    expect(declared.day_column).toBe(ref.includes('{dateKey}') ? 'date_key' : null);
    expect(declared.visible_to).toEqual(['couple']);
  });

  /** A row that every table takes, with a change. */
  const insert = async (change: Record<string, unknown>) => {
    const key = keyColumns(ref).map((column) => [
      column,
      column === 'date_key' ? '2025-11-20' : 'k',
    ]);
    const row = {
      ...Object.fromEntries(key),
      ...{ payload: {}, origin: 'rtdb', event_time: '2025-11-20T00:00:00Z' },
      ...{ tie_settled: false, mirrored_at: '2025-11-20T00:00:00Z', ...change },
    };
    await database.query(
      `insert into rtdb.${name} select * from jsonb_populate_record(null::rtdb.${name}, $1)`,
      [JSON.stringify(row)],
    );
    await database.query(`delete from rtdb.${name}`);
  };
  const REFUSED = { code: '23514' };

  test('takes keys of 768 bytes, and refuses longer ones for good', async () => {
    const texts = keyColumns(ref).filter((column) => column !== 'date_key');
    const all = (text: string) => Object.fromEntries(texts.map((column) => [column, text]));
    await insert(all('é'.repeat(384)));
    for (const column of texts) {
      await expect(insert({ [column]: `x${'é'.repeat(384)}` })).rejects.toMatchObject(REFUSED);
    }
  });

  test('takes tombstones, without a payload alone, and no unknown origin', async () => {
    const deleted_at = '2025-11-20T00:00:00Z';
    await insert({ deleted_at, payload: null });
    await expect(insert({ deleted_at })).rejects.toMatchObject(REFUSED);
    for (const origin of ['rtdb', 'backfill', 'repair']) await insert({ origin });
    await expect(insert({ origin: 'client' })).rejects.toMatchObject(REFUSED);
  });

  test('has indexes for its key, its tombstones and what arrived lately', async () => {
    const indexes = await database.query<{ definition: string }>(
      `select regexp_replace(indexdef, '^.* USING ', '') as definition
       from pg_indexes where schemaname = 'rtdb' and tablename = $1 order by indexname`,
      [name],
    );
    expect(indexes.map(({ definition }) => definition)).toEqual([
      "brin (mirrored_at) WITH (autosummarize='on', pages_per_range='32')",
      `btree (${keyColumns(ref).join(', ')})`,
      'btree (deleted_at) WHERE (deleted_at IS NOT NULL)',
    ]);
  });
});
