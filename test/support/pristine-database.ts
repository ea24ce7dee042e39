import { cloneDatabase, type TestDatabase } from './database';

/** Any change of the schema leaves a newer row in one of these; so does `truncate`. */
const SCHEMA = `
select string_agg(concat(counted, ' ', newest), ', ' order by catalog) as version
from (
  select 'class' as catalog, count(*) as counted, max(xmin::text::bigint) as newest from pg_class
  union all
  select 'attribute', count(*), max(xmin::text::bigint) from pg_attribute
  union all
  select 'constraint', count(*), max(xmin::text::bigint) from pg_constraint
  union all
  select 'trigger', count(*), max(xmin::text::bigint) from pg_trigger
  union all
  select 'proc', count(*), max(xmin::text::bigint) from pg_proc
  union all
  select 'policy', count(*), max(xmin::text::bigint) from pg_policy
) as catalogs`;

/** What a test left running must not write into the next one's tables. */
const END_OTHERS = `
select pg_terminate_backend(pid)
from pg_stat_activity
where datname = current_database() and application_name <> 'quest-test'
  and backend_type = 'client backend'`;

/** In one transaction, without triggers and foreign keys; numbers begin with 1 again. */
const EMPTY = `
do $$
declare
  name text;
begin
  set local session_replication_role = replica;
  for name in
    select format('%I.%I', schemaname, tablename)
    from pg_tables
    where schemaname in ('rtdb', 'mirror')
      and tablename not in ('schema_migrations', 'migration_lock', 'paths')
  loop
    execute 'delete from ' || name;
  end loop;
  for name in
    select format('%I.%I', schemaname, sequencename) from pg_sequences where last_value is not null
  loop
    perform setval(name::regclass, 1, false);
  end loop;
  -- What the migrations declare stays: a path that a test added is a change of the schema.
  update mirror.paths set began_at = clock_timestamp(), first_pass_at = null, removed_at = null,
    columns_due_at = null;
end $$`;

let kept: { database: TestDatabase; version: string } | null = null;

afterAll(async () => {
  await kept?.database.drop();
  kept = null;
});

/**
 * The file's database as the migrations left it: emptied of what the last test did, or cloned anew
 * where that test changed the schema. A clone for each test costs several times what most tests do.
 */
export async function pristineDatabase(): Promise<TestDatabase> {
  if (kept && (await schemaVersion(kept.database)) === kept.version) {
    await kept.database.query(END_OTHERS);
    await kept.database.query(EMPTY);
    return kept.database;
  }
  await kept?.database.drop();
  const database = await cloneDatabase();
  kept = { database, version: await schemaVersion(database) };
  return database;
}

async function schemaVersion(database: TestDatabase): Promise<string> {
  const [row] = await database.query<{ version: string }>(SCHEMA);
  return row?.version ?? '';
}
