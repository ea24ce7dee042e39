import type { QueryResultRow } from 'pg';
import { type AttackedDatabase, DENIED, startAttackedDatabase } from './support/attacked-database';
import { queryOnce } from './support/empty-database';
import { expectedGrants, readGrants } from './support/grants';

/**
 * What each login tries that it must not do. What roles see and may write at all:
 * row-level-security.test.ts; attempts on rows: attacks-on-rows.test.ts.
 */

let database: AttackedDatabase;

beforeAll(async () => {
  database = await startAttackedDatabase();
});

afterAll(() => database.stop());

const CALLS = [
  `select mirror.apply_quest_completions('[]', '1s', '{}')`,
  `select mirror.claim_by_client('a_b', '2025-11-20', 'q', 'a', 'b', now(), '1s')`,
  `select mirror.insert_missing('[]')`,
  `select mirror.repair_rows('[]', '1s')`,
  'select mirror.note_direct_write()',
  `select mirror.purge_tombstones('quest_completions', '2 days', 1, 1)`,
  `select mirror.count_purgeable('2 days', 1)`,
  'select mirror.rebuild_paths()',
  `select mirror.declare_path('quest_completions', 'a/{b}')`,
  `select mirror.guard('mirror.coverage', '{public}')`,
];

/** What nobody but the owner may do; not even who writes the mirror. */
const OWNERS_ONLY = [
  'delete from rtdb.quest_completions',
  'truncate rtdb.quest_completions',
  'alter table rtdb.quest_completions disable row level security',
  'alter table rtdb.quest_completions disable trigger direct_write',
  'alter table rtdb.quest_completions owner to current_user',
  'drop table rtdb.quest_completions',
  'drop policy own_live_rows on rtdb.quest_completions',
  'create policy mine on rtdb.quest_completions using (true)',
  'create index on rtdb.quest_completions (user_id)',
  `create trigger mine before insert on rtdb.quest_completions
     for each row execute function pg_catalog.suppress_redundant_updates_trigger()`,
  'create function public.mine() returns integer language sql as $$ select 1 $$',
  'create schema mine',
  'create extension pg_trgm',
  'create role mine',
  'grant quest_mirror_writer to stranger',
  'alter role quest_mirror_writer login',
  'alter function mirror.note_direct_write() security invoker',
  'create or replace function mirror.insert_missing(completions jsonb) returns bigint language sql as $$ select 1 $$',
  `update mirror.paths set began_at = '2000-01-01'`,
  `update mirror.identity set instance = 'another'`,
  'delete from mirror.direct_writes',
  'select from mirror.schema_migrations',
  ...CALLS.slice(2),
  `copy rtdb.quest_completions to program 'true'`,
  `copy rtdb.quest_completions to '/tmp/quest-mirror-stolen'`,
  `select pg_read_file('PG_VERSION')`,
  `select lo_import('/etc/hostname')`,
  'select from pg_catalog.pg_authid',
  'select pg_reload_conf()',
  `set session_replication_role = 'replica'`,
  'set role postgres',
  'set session authorization postgres',
  'set role service_role',
];

/** Beyond that, what only the writer may do. */
const WRITERS_ONLY = [
  `insert into rtdb.quest_completions
     (couple_id, date_key, quest_id, user_id, completed_at, origin, event_time)
   values ('a_b', '2025-11-20', 'q', 'a', now(), 'rtdb', now())`,
  'update rtdb.quest_completions set payload = null',
  'select from rtdb.quest_completions for update',
  'lock table rtdb.quest_completions in row exclusive mode',
  ...['divergence_log', 'reconcile_runs', 'coverage', 'paths', 'direct_writes'].map(
    (table) => `select from mirror.${table}`,
  ),
  `select nextval('mirror.divergence_log_id_seq')`,
  ...CALLS.slice(0, 2),
  'set role quest_mirror_writer',
];

/** service_role is PostgREST's own for the app's backend: its login may become it. */
const forAnna = OWNERS_ONLY.filter((text) => text !== 'set role service_role');

describe.each([
  ['an app user', () => database.asAnna, [...forAnna, ...WRITERS_ONLY]],
  ['the functions', () => database.asLogin('mirror_functions'), OWNERS_ONLY],
  [
    'a stranger',
    () => database.asLogin('stranger'),
    [
      ...OWNERS_ONLY,
      ...WRITERS_ONLY,
      'select from rtdb.quest_completions',
      'set role authenticated',
    ],
  ],
] as const)('%s may not', (_who, as, attempts) => {
  test.each(attempts)('%s', async (text) => {
    await expect(as()((client) => client.query(text))).rejects.toMatchObject(DENIED);
  });
});

test.each(['authenticator', 'mirror_functions'] as const)(
  'what %s grants to everybody is nothing: a warning, and no privilege',
  (login) =>
    database.asLogin(login)(async (client) => {
      await client.query(login === 'authenticator' ? 'set local role authenticated' : 'select 1');
      const warned = new Promise((resolve) => client.once('notice', resolve));
      await client.query('grant select on rtdb.quest_completions to public');
      expect(await warned).toMatchObject({ severity: 'WARNING', code: '01007' });
      const may = `select has_table_privilege('stranger', 'rtdb.quest_completions', 'select') as may`;
      expect((await client.query(may)).rows).toEqual([{ may: false }]);
    }),
);

describe('nothing was left open', () => {
  test('whoever may do anything is in the reviewed list', async () => {
    const query = <Row extends QueryResultRow>(text: string) => queryOnce<Row>(database.url, text);
    expect(await readGrants(query)).toEqual(await expectedGrants(query, true));
  });

  test('every function names the schemas that it looks into, and only the note runs as owner', async () => {
    const rows = await queryOnce<{ name: string }>(
      database.url,
      `select proname as name, prosecdef as is_definer, coalesce(proconfig::text, '') as settings
       from pg_proc where pronamespace = 'mirror'::regnamespace
         -- One with a body that was bound when it was made looks nothing up.
         and prosqlbody is null
         and (prosecdef or proconfig is null or not 'search_path=""' = any (proconfig))`,
    );
    expect(rows).toEqual([
      { name: 'note_direct_write', is_definer: true, settings: '{"search_path=\\"\\""}' },
    ]);
  });

  test('row level security is on for every table, and views run with the caller’s rights', async () => {
    const rows = await queryOnce(
      database.url,
      `select relname from pg_class
       where relnamespace::regnamespace::text in ('rtdb', 'mirror')
         and case relkind
           when 'r' then not relrowsecurity
           when 'p' then not relrowsecurity
           when 'v' then not coalesce('security_invoker=true' = any (reloptions), false)
           else relkind in ('m', 'f')
         end`,
    );
    expect(rows).toEqual([]);
  });
});
