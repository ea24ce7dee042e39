import type { Client } from 'pg';
import type { MigrationFile } from './migration-files';
import type { RecordedMigration } from './plan-migrations';

/** Makes the runner's own table unless it is there; call under the migration lock. */
export async function ensureHistory(client: Client): Promise<void> {
  // Asked first, because `if not exists` needs the right to create even where nothing is created.
  const { rows } = await client.query<{ schema_exists: boolean; table_exists: boolean }>(
    `select to_regnamespace('mirror') is not null as schema_exists,
            to_regclass('mirror.schema_migrations') is not null as table_exists`,
  );
  if (rows[0]?.table_exists) return;
  if (!rows[0]?.schema_exists) await client.query('create schema mirror');
  await client.query(
    `create table mirror.schema_migrations (
       name text primary key,
       checksum text not null,
       applied_at timestamptz not null default clock_timestamp()
     )`,
  );
  await client.query('alter table mirror.schema_migrations enable row level security');
}

/** What was applied, oldest first; nothing where no migration ever ran. */
export async function readHistory(client: Client): Promise<RecordedMigration[]> {
  const { rows: tables } = await client.query<{ missing: boolean }>(
    `select to_regclass('mirror.schema_migrations') is null as missing`,
  );
  if (tables[0]?.missing) return [];
  const { rows } = await client.query<RecordedMigration>(
    'select name, checksum from mirror.schema_migrations order by name collate "C"',
  );
  return rows;
}

export async function recordMigration(client: Client, file: MigrationFile): Promise<void> {
  await client.query('insert into mirror.schema_migrations (name, checksum) values ($1, $2)', [
    file.name,
    file.checksum,
  ]);
}
