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
    'tie_settled bool',
    'mirrored_at timestamptz',
  ],
  'mirror.divergence_log': [
    'id int8',
    'path text',
    'ref text',
    'shard text null',
    'day date null',
    'key jsonb null',
    'kind text',
    'cause text',
    'severity text',
    'detected_by text',
    'keys int4',
    'rtdb_value jsonb null',
    'postgres_value jsonb null',
    'detail jsonb null',
    'event_id text null',
    'event_time timestamptz null',
    'written_after timestamptz null',
    'written_before timestamptz null',
    'first_seen_at timestamptz',
    'last_seen_at timestamptz',
    'times_seen int4',
    'resolved_at timestamptz null',
    'resolved_by text null',
  ],
  'mirror.hourly_arrivals': [
    'path text',
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
  'mirror.paths': [
    'path text',
    'ref text',
    'relation text',
    'key_columns _text',
    'other_columns jsonb',
    'day_column text null',
    'visible_to _text',
    'declaration_hash text',
    'began_at timestamptz',
    'first_pass_at timestamptz null',
    'columns_due_at timestamptz null',
    'removed_at timestamptz null',
  ],
  'mirror.erased': [
    'id_sha256 bytea',
    'id_length int4',
    'erased_at timestamptz',
    'until timestamptz',
  ],
  'mirror.identities': ['rtdb_user_id text', 'app_user_id text', 'imported_at timestamptz'],
  'mirror.identity': ['is_only bool', 'instance text', 'host text', 'set_at timestamptz'],
  'mirror.canaries': [
    'path text',
    'written_at timestamptz',
    'arrived_at timestamptz null',
    'lag_ms float8 null',
  ],
  'mirror.coverage': [
    'id int8',
    'from_at timestamptz',
    'to_at timestamptz null',
    'path text null',
    'reason text',
    'detail jsonb null',
  ],
  'mirror.rates': [
    'path text',
    'hour timestamptz',
    'at timestamptz',
    'verdict text',
    'reasons jsonb',
    'verified_to timestamptz null',
    'copy_keys int8',
    'copy_differing int8',
    'copy_unknown int8',
    'copy_lower float8',
    'copy_upper float8',
    'mirror_keys int8',
    'mirror_differing int8',
    'mirror_unknown int8',
    'mirror_lower float8',
    'mirror_upper float8',
    'shards int8',
    'unread_shards int8',
    'affected_shards int8',
    'oldest_full_at timestamptz null',
  ],
  'mirror.reading_ages': ['path text', 'by_hours _int8', 'unread int8', 'counted_at timestamptz'],
  'mirror.reading_sums': [
    ...['path text', 'full_hour timestamptz', 'part int8', 'shards int8', 'uncounted int8'],
    ...['keys int8', 'keys_or_one int8', 'brought int8'],
  ],
  'mirror.direct_writes': [
    'path text',
    'shard text null',
    'day date null',
    'key jsonb',
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
    'checkpoint jsonb',
    'done jsonb',
    'failed jsonb',
    'error text null',
  ],
  'mirror.readings': [
    'path text',
    'shard text',
    'first_seen_at timestamptz',
    'read_at timestamptz null',
    'read_from date null',
    'whole_at _timestamptz',
    'touched_at timestamptz null',
    'full_at timestamptz null',
    'keys int4',
    'counted_since timestamptz null',
    'brought int4',
    'in_flight int4',
    'failed_at timestamptz null',
    'error text null',
    'due_at timestamptz',
    'is_full_due bool',
    'set_at timestamptz null',
    'caught_up_at timestamptz null',
    'listed_at timestamptz null',
    'made_due_at timestamptz null',
    'moved_at timestamptz null',
    'taken_until timestamptz null',
  ],
  'mirror.suspects': [
    'path text',
    'shard text',
    'key jsonb',
    'looked_at timestamptz',
    'looks int4',
    'event_id text null',
    'mirrored_at timestamptz null',
    'written_after timestamptz null',
  ],
  'mirror.listings': [
    'path text',
    'listed_at timestamptz null',
    'listed_before timestamptz null',
    'ended_at timestamptz null',
    'began_at timestamptz null',
    'after_key text null',
    'touched_to timestamptz',
    'gap_at timestamptz',
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
  const paths = await database.query<{ relation: string }>('select relation from mirror.paths');
  const copies = paths.map(({ relation }) => relation);
  const expected = [...new Set([...Object.keys(COLUMNS), ...runners, ...copies])].sort();
  expect(rows.map(({ name }) => name).sort()).toEqual(expected);
  expect(rows.filter(({ relrowsecurity }) => !relrowsecurity)).toEqual([]);
});

test('the key of every copy is its path’s, and its text is in byte order', async () => {
  const rows = await database.query<{ key: string[]; key_columns: string[]; unordered: string[] }>(
    `select p.key_columns, array_agg(a.attname::text order by k.place) as key,
       array_remove(array_agg(
         case when a.attcollation not in (0, '"C"'::regcollation) then a.attname::text end
       ), null) as unordered
     from mirror.paths as p
     join pg_constraint as c on c.conrelid = p.relation::regclass and c.contype = 'p'
     cross join unnest(c.conkey) with ordinality as k (attnum, place)
     join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
     group by p.path`,
  );
  expect(rows).toContainEqual({
    ...{ key_columns: ['couple_id', 'date_key', 'quest_id', 'user_id'], unordered: [] },
    key: ['couple_id', 'date_key', 'quest_id', 'user_id'],
  });
  for (const { key, key_columns, unordered } of rows) {
    expect([key, unordered]).toEqual([key_columns, []]);
  }
});
