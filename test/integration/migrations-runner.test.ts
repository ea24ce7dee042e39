import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import { emptyDatabase, folderWith, MIGRATIONS, queryOnce } from './support/empty-database';

const FIRST = '20260101000001_first.sql';
const SECOND = '20260101000002_second.sql';
const THIRD = '20260101000003_third.sql';
const CREATE_A = 'create table public.a (id integer);\n';
const CREATE_B = 'create table public.b (id integer);\n';
const INDEX_A = [
  '-- Why: a test.',
  '-- migrate: no transaction',
  'create index concurrently a_id on public.a (id);\n',
].join('\n');

let database: Awaited<ReturnType<typeof emptyDatabase>>;
let folder: Awaited<ReturnType<typeof folderWith>>;

beforeEach(async () => {
  database = await emptyDatabase();
  folder = await folderWith({ [FIRST]: CREATE_A, [SECOND]: CREATE_B });
});

afterEach(async () => {
  await folder.remove();
  await database.drop();
});

const migrate = (more: { dryRun?: boolean; lockWaitMs?: number } = {}) =>
  applyMigrations({ databaseUrl: database.url, directory: folder.path, ...more });
const write = (files: Record<string, string>) => folder.write(folder.path, files);
const recorded = async () => {
  const rows = await queryOnce<{ name: string }>(
    database.url,
    'select name from mirror.schema_migrations order by applied_at',
  );
  return rows.map(({ name }) => name);
};
const exists = async (relation: string) => {
  const text = 'select to_regclass($1) is not null as found';
  const rows = await queryOnce<{ found: boolean }>(database.url, text, [relation]);
  return rows[0]?.found;
};

describe('applying', () => {
  test('a second run finds nothing to do', async () => {
    expect(await migrate()).toEqual({ applied: [FIRST, SECOND], alreadyApplied: [] });
    expect(await migrate()).toEqual({ applied: [], alreadyApplied: [FIRST, SECOND] });
  });

  test('a new file is applied after the recorded ones', async () => {
    await migrate();
    await write({ [THIRD]: 'alter table public.a add column note text;' });
    expect(await migrate()).toEqual({ applied: [THIRD], alreadyApplied: [FIRST, SECOND] });
  });

  test('a dry run lists the pending files and leaves no trace', async () => {
    expect((await migrate({ dryRun: true })).applied).toEqual([FIRST, SECOND]);
    const text = `select from pg_namespace where nspname = 'mirror'`;
    expect(await queryOnce(database.url, text)).toHaveLength(0);
  });

  test("the project's own migrations: twenty runs at once apply each file once", async () => {
    const options = { databaseUrl: database.url, directory: MIGRATIONS };
    const results = await Promise.all(Array.from({ length: 20 }, () => applyMigrations(options)));
    const applied = results.flatMap((result) => result.applied).sort();
    expect(applied.length).toBeGreaterThanOrEqual(2);
    expect(new Set(applied).size).toBe(applied.length);
    expect(await recorded()).toEqual(applied);
  });

  test('ten runs at once get past an index that is built concurrently', async () => {
    await write({ [THIRD]: INDEX_A });
    const results = await Promise.all(Array.from({ length: 10 }, () => migrate()));
    const applied = results.flatMap((result) => result.applied).sort();
    expect(applied).toEqual([FIRST, SECOND, THIRD]);
    expect(await exists('public.a_id')).toBe(true);
  });

  test('a run that cannot get the lock in time says who is in the way', async () => {
    await migrate();
    await write({ [THIRD]: 'select 1;' });
    const holder = new Client({ connectionString: database.url });
    await holder.connect();
    try {
      await holder.query('begin; select from mirror.migration_lock for update');
      await expect(migrate({ lockWaitMs: 200 })).rejects.toThrow(
        /Another migration has held the lock/,
      );
    } finally {
      await holder.end();
    }
  });
});

test('no other login can hold the lock, with advisory locks or on the tables', async () => {
  const stranger = `stranger_${process.pid}`;
  await queryOnce(database.url, `create role ${stranger} login password 'stranger'`);
  const url = new URL(database.url);
  url.username = stranger;
  url.password = 'stranger';
  const holder = new Client({ connectionString: url.href });
  await holder.connect();
  try {
    await holder.query('select pg_advisory_lock(20261122000001)');
    expect((await migrate({ lockWaitMs: 200 })).applied).toEqual([FIRST, SECOND]);
    for (const table of ['mirror.migration_lock', 'mirror.schema_migrations']) {
      await expect(holder.query(`begin; lock table ${table} in access share mode`)).rejects.toThrow(
        /permission denied/,
      );
      await holder.query('rollback');
      await expect(holder.query(`select from ${table} for update`)).rejects.toThrow(
        /permission denied/,
      );
    }
  } finally {
    await holder.end();
    await queryOnce(database.url, `drop role ${stranger}`);
  }
});

describe('history', () => {
  beforeEach(async () => {
    await migrate();
  });

  test('a file that was changed after it had been applied is refused', async () => {
    await write({ [FIRST]: `${CREATE_A}-- afterthought\n`, [THIRD]: 'create table public.c ();' });
    await expect(migrate()).rejects.toThrow(`${FIRST} was changed after it had been applied`);
    expect(await exists('public.c')).toBe(false);
  });

  test('Windows line endings are no change', async () => {
    await write({ [FIRST]: `\uFEFF${CREATE_A.replace(/\n/g, '\r\n')}` });
    expect((await migrate()).applied).toEqual([]);
  });

  test('an applied file that is gone is refused', async () => {
    await rm(join(folder.path, FIRST));
    await expect(migrate()).rejects.toThrow(`${FIRST} was applied to this database but is not`);
  });

  test('a new file before an applied one is refused', async () => {
    await write({ '20260101000000_late.sql': 'create table public.late ();' });
    await expect(migrate()).rejects.toThrow(/20260101000000_late.sql is older than/);
    await expect(migrate({ dryRun: true })).rejects.toThrow(/is older than/);
  });
});

describe('a folder of the package and one of the project', () => {
  const OWN = '20260101000009_own.sql';
  let own: Awaited<ReturnType<typeof folderWith>>;
  const migrateBoth = (more: { dryRun?: boolean } = {}) =>
    applyMigrations({
      databaseUrl: database.url,
      directory: [folder.path, own.path],
      ...more,
    });

  beforeEach(async () => {
    own = await folderWith({ [OWN]: 'alter table public.b add column own text;' });
    expect((await migrateBoth()).applied).toEqual([FIRST, SECOND, OWN]);
  });

  afterEach(() => own.remove());

  test("a new version's migration is applied, though the project's newest is newer", async () => {
    await write({ [THIRD]: CREATE_A.replace('public.a', 'public.c') });
    expect(await migrateBoth()).toEqual({
      applied: [THIRD],
      alreadyApplied: [FIRST, SECOND, OWN],
    });
  });

  test('the history of each grows at its end alone', async () => {
    const late = '20260101000008_late.sql';
    await own.write(own.path, { [late]: 'select 1;' });
    await expect(migrateBoth({ dryRun: true })).rejects.toThrow(`${late} is older than ${OWN}`);
  });

  test('without the folder that has a recorded file nothing is applied', async () => {
    await write({ [THIRD]: 'create table public.c ();' });
    await expect(migrate()).rejects.toThrow(`${OWN} was applied to this database but is not here`);
    expect(await exists('public.c')).toBe(false);
  });

  test('one name in both is refused', async () => {
    await own.write(own.path, { [SECOND]: CREATE_B });
    await expect(migrateBoth()).rejects.toThrow(`${SECOND}: the package has a migration of`);
  });
});

describe('failures', () => {
  test('a failing file leaves no trace of itself and keeps the earlier ones', async () => {
    await write({ [THIRD]: `create table public.c ();\n-- \u{1F4A5}\ncreate tabel public.d ();` });
    await expect(migrate()).rejects.toThrow(
      `${THIRD}:3: SQLSTATE 42601: syntax error at or near "tabel"`,
    );
    await write({ [THIRD]: 'create table public.c ();\nselect 1 / 0;' });
    await expect(migrate()).rejects.toThrow(`${THIRD}: SQLSTATE 22012: division by zero`);
    expect(await exists('public.c')).toBe(false);
    expect(await recorded()).toEqual([FIRST, SECOND]);
    await write({ [THIRD]: 'create table public.c ();' });
    expect((await migrate()).applied).toEqual([THIRD]);
  });

  test('a failure inside a DO block says where in the block', async () => {
    await write({
      [THIRD]: `do $$\nbegin\n  raise exception 'no' using hint = 'try yes';\nend $$;`,
    });
    await expect(migrate()).rejects.toThrow(/P0001: no; .*line 3.*; hint: try yes/);
  });

  test('an index that fails to build concurrently is not recorded', async () => {
    await write({ [THIRD]: INDEX_A.replace('(id)', '(nothing)') });
    await expect(migrate()).rejects.toThrow(/third\.sql: SQLSTATE 42703: .*invalid index/);
    expect(await recorded()).toEqual([FIRST, SECOND]);
  });

  test.each([
    ['20260101000003_Third.sql', 'select 1;', /is named YYYYMMDDHHMMSS/],
    ['0003_third.sql', 'select 1;', /is named YYYYMMDDHHMMSS/],
    ['20260101000003_third.SQL', 'select 1;', /is named YYYYMMDDHHMMSS/],
    ['20260101000002_another.sql', 'select 1;', /the same timestamp/],
    [THIRD, 'select 1;\nCOMMIT;', /the runner opens and ends the transaction/],
    [THIRD, 'begin transaction;\nselect 1;', /the runner opens and ends the transaction/],
  ])('%s with %j is refused before anything is applied', async (name, sql, message) => {
    await write({ [name]: sql });
    await expect(migrate()).rejects.toThrow(message);
    expect(await exists('public.a')).toBe(false);
  });
});
