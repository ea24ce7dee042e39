import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

/** `name type`, with ` null` where null is allowed: docs/tables.md, which is a contract. */
const COLUMNS = {
  'rtdb.quest_completions': [
    'couple_id text',
    'date_key date',
    'quest_id text',
    'user_id text',
    'partner_id text null',
    'completed_at timestamptz',
    'payload jsonb null',
    'origin text',
    'event_id text null',
    'event_time timestamptz',
    'deleted_at timestamptz null',
    'client_claimed_at timestamptz null',
    'mirrored_at timestamptz',
  ],
  'mirror.divergence_log': [
    'id int8',
    'ref text',
    'couple_id text null',
    'date_key date null',
    'quest_id text null',
    'user_id text null',
    'kind text',
    'cause text',
    'severity text',
    'detected_by text',
    'rtdb_value jsonb null',
    'postgres_value jsonb null',
    'detail jsonb null',
    'event_id text null',
    'event_time timestamptz null',
    'run_id int8 null',
    'first_seen_at timestamptz',
    'last_seen_at timestamptz',
    'times_seen int4',
    'resolved_at timestamptz null',
  ],
  'mirror.hourly_arrivals': [
    'hour timestamptz',
    'live int4',
    'tombstones int4',
    'client int4',
    'backfill int4',
    'repair int4',
    'lag_p50_ms float8 null',
    'lag_p95_ms float8 null',
    'lag_p99_ms float8 null',
    'lag_max_ms float8 null',
    'counted_at timestamptz',
  ],
  'mirror.reconcile_runs': [
    'id int8',
    'started_at timestamptz',
    'finished_at timestamptz null',
    'status text',
    'from_date date',
    'to_date date',
    'couples int4',
    'matched int4',
    'missing_in_postgres int4',
    'missing_in_rtdb int4',
    'value_mismatch int4',
    'in_flight int4',
    'consistency numeric null',
    'rtdb_ms int4',
    'postgres_ms int4',
    'checkpoint jsonb null',
    'error text null',
    'config jsonb',
  ],
  'mirror.beginning': ['began_on date', 'is_only bool'],
  'mirror.coverage': [
    'id int8',
    'from_at timestamptz',
    'to_at timestamptz null',
    'reason text',
    'detail jsonb null',
  ],
  'mirror.reconcile_shards': [
    'run_id int8',
    'shard int4',
    'after_couple text null',
    'up_to_couple text null',
    'finished_at timestamptz null',
    'couples int4',
    'matched int4',
    'missing_in_postgres int4',
    'missing_in_rtdb int4',
    'value_mismatch int4',
    'in_flight int4',
    'rtdb_ms int4',
    'postgres_ms int4',
    'rtdb_bytes int8',
  ],
  'mirror.direct_writes': [
    'couple_id text',
    'date_key date',
    'quest_id text',
    'user_id text',
    'operation text',
    'written_by text',
    'written_at timestamptz',
    'old_payload jsonb null',
    'new_payload jsonb null',
  ],
  'mirror.backfills': [
    'id int8',
    'started_at timestamptz',
    'finished_at timestamptz null',
    'status text',
    'config jsonb',
    'checkpoint text null',
    'couples int4',
    'leaves int8',
    'inserted int8',
    'rejected int8',
    'error text null',
  ],
  'mirror.client_claims': ['user_id text', 'day date', 'claims int4'],
  'mirror.locks': ['name text'],
};

test.each(Object.entries(COLUMNS))('%s has the columns of the contract', async (table, columns) => {
  const rows = await database.query<{ described: string }>(
    `select attname || ' ' || typname || case when attnotnull then '' else ' null' end as described
     from pg_attribute join pg_type on pg_type.oid = atttypid
     where attrelid = $1::regclass and attnum > 0 and not attisdropped
     order by attnum`,
    [table],
  );
  expect(rows.map(({ described }) => described)).toEqual(columns);
});

test('every table has row level security, and no table is a stranger', async () => {
  const rows = await database.query<{ name: string; relrowsecurity: boolean }>(
    `select relnamespace::regnamespace || '.' || relname as name, relrowsecurity
     from pg_class where relkind in ('r', 'p')
       and relnamespace::regnamespace::text in ('rtdb', 'mirror')`,
  );
  const runners = ['mirror.migration_lock', 'mirror.schema_migrations'];
  const expected = [...Object.keys(COLUMNS), ...runners].sort();
  expect(rows.map(({ name }) => name).sort()).toEqual(expected);
  expect(rows.filter(({ relrowsecurity }) => !relrowsecurity)).toEqual([]);
});

test('the primary key is couple, day, quest, user, and its text is in byte order', async () => {
  const rows = await database.query<{ definition: string; collations: string[] }>(
    `select pg_get_constraintdef(c.oid) as definition,
       (select array_agg(distinct collname::text) from pg_attribute
          join pg_collation on pg_collation.oid = attcollation
        where attrelid = c.conrelid and attnum = any (c.conkey)) as collations
     from pg_constraint c where conname = 'quest_completions_pkey'`,
  );
  expect(rows).toEqual([
    { definition: 'PRIMARY KEY (couple_id, date_key, quest_id, user_id)', collations: ['C'] },
  ]);
});
