import type { Client } from 'pg';
import { z } from 'zod';
import { query, statementsOn } from '../../postgres/statements';
import type { MigrationFile } from './migration-files';
import type { RecordedMigration } from './plan-migrations';

const STATE = query({
  text: `
select
  to_regnamespace('mirror') is not null as has_schema,
  to_regclass('mirror.schema_migrations') is not null as has_table
`,
  params: {},
  row: { hasSchema: z.boolean(), hasTable: z.boolean() },
});

/** What was applied, oldest first; fails where no migration ever ran. */
export const HISTORY = query({
  text: 'select name, checksum from mirror.schema_migrations order by name collate "C"',
  params: {},
  row: { name: z.string(), checksum: z.string() },
});

const RECORD = query({
  text: 'insert into mirror.schema_migrations (name, checksum) values ($1, $2)',
  params: { name: 'text', checksum: 'text' },
  row: {},
});

/** Makes the runner's own table unless it is there; call under the migration lock. */
export async function ensureHistory(client: Client): Promise<void> {
  // Asked first, because `if not exists` needs the right to create even where nothing is created.
  const { hasSchema, hasTable } = await STATE.one(statementsOn(client));
  if (hasTable) return;
  if (!hasSchema) await client.query('create schema mirror');
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
  const statements = statementsOn(client);
  const { hasTable } = await STATE.one(statements);
  return hasTable ? HISTORY.all(statements) : [];
}

export async function recordMigration(client: Client, file: MigrationFile): Promise<void> {
  await RECORD.run(statementsOn(client), file);
}
