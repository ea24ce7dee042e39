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
  `select mirror.fill_rows('quest_completions', 'a_b', '[]', '[]')`,
  `select mirror.repair_rows('quest_completions', 'a_b', '[]', '[]', '1s')`,
  `select mirror.settle_written('quest_completions', 'a_b', 'repair', '{}', '{}', '[]')`,
  `select mirror.end_columns('quest_completions', now())`,
  'select mirror.sum_readings_removed()',
  'select mirror.note_direct_write()',
  `select mirror.purge_tombstones('quest_completions', '2 days', 1, 1)`,
  `select mirror.count_purgeable('2 days', 1)`,
  'select mirror.rebuild_paths()',
  `select mirror.declare_path('quest_completions', 'a/{b}')`,
  `select mirror.guard('mirror.coverage', '{public}')`,
];

/** What a reading calls. */
const READINGS = [
  `select mirror.take_due(1, '1s', '{}', null, null)`,
  `select mirror.make_due('{quest_completions}', null, true)`,
  `select mirror.make_page_due('quest_completions', true, now(), null, null, 1)`,
  `select mirror.give_back('{quest_completions}', '{a_b}')`,
  `select mirror.note_touched('quest_completions', 'c', '1h', 1, null, null)`,
  `select mirror.begin_listing('{quest_completions}', '1h')`,
  `select mirror.note_listed('quest_completions', now(), '{a_b}', null, '1h')`,
  `select mirror.end_listing('quest_completions', now())`,
  `select mirror.note_rows('quest_completions', 'a_b', null, 1, now(), '1h')`,
  `select mirror.note_gap('quest_completions', now(), 'a_b', 1)`,
  `select mirror.note_first_pass('quest_completions')`,
  `select mirror.note_backup('quest_completions', now(), null, '{}', null, 1)`,
  `select mirror.begin_reading('{quest_completions}', 'a_b', '7 days')`,
  `select mirror.rows_of('quest_completions', '{a_b}', null, null, null, null)`,
  `select mirror.log_reading('quest_completions', 'a_b', 'reconciler', '[]', '[]', '[]')`,
  `select mirror.set_reading('{}')`,
  `select mirror.fail_reading('quest_completions', 'a_b', 'because', '1h')`,
  `select mirror.count_figures('quest_completions', '{}', 1)`,
  `select mirror.resolve_told('quest_completions')`,
  `select mirror.written_between('quest_completions', now(), now())`,
  `select mirror.gate_evidence('quest_completions', null, '{}', '24h', '1h', '1h')`,
  `select mirror.row_of('quest_completions', '[]')`,
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
  'create or replace function mirror.note_first_pass(noted_path text) returns boolean language sql as $$ select true $$',
  `update mirror.paths set began_at = '2000-01-01'`,
  `update mirror.identity set instance = 'another'`,
  // The proof's books: the mirror's own functions alone write them.
  `update mirror.readings set keys = 0`,
  'delete from mirror.readings',
  `insert into mirror.readings (path, shard) values ('quest_completions', 'a_b')`,
  'truncate mirror.suspects',
  'delete from mirror.suspects',
  `update mirror.listings set touched_to = 'infinity'`,
  'update mirror.reading_sums set keys = 0',
  `update mirror.rates set verdict = 'ready'`,
  'delete from mirror.rates',
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
  ...['divergence_log', 'coverage', 'paths', 'direct_writes'].map(
    (table) => `select from mirror.${table}`,
  ),
  ...['readings', 'suspects', 'listings', 'rates', 'reading_sums'].map(
    (table) => `select from mirror.${table}`,
  ),
  `select nextval('mirror.divergence_log_id_seq')`,
  ...CALLS.slice(0, 2),
  ...READINGS,
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

  test('every function names the schemas that it looks into, and those that run as owner are reviewed', async () => {
    const rows = await queryOnce<{ name: string; settings: string; is_definer: boolean }>(
      database.url,
      `select proname as name, prosecdef as is_definer, coalesce(proconfig::text, '') as settings
       from pg_proc where pronamespace = 'mirror'::regnamespace
         -- One with a body that was bound when it was made looks nothing up.
         and prosqlbody is null
       order by proname`,
    );
    const closed = /search_path=(\\"\\"|pg_catalog, pg_temp)/;
    expect(rows.filter(({ settings }) => !closed.test(settings))).toEqual([]);
    const asOwner = rows.filter((row) => row.is_definer);
    expect(asOwner.map(({ name }) => name)).toEqual([
      ...[
        'begin_listing',
        'count_figures',
        'end_listing',
        'fail_reading',
        'give_back',
        'ids_of',
        'log_reading',
        'make_due',
        'make_page_due',
      ],
      ...[
        'note_backup',
        'note_direct_write',
        'note_first_pass',
        'note_gap',
        'note_listed',
        'note_rows',
      ],
      ...['note_touched', 'own_ids', 'own_shards'],
      ...['resolve_told', 'set_reading', 'sum_readings_inserted'],
      ...['sum_readings_removed', 'sum_readings_updated', 'take_due'],
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

/** Temporary things come first where a function does not say otherwise. */
const HIJACK = `
  create temp table trap (fell text);
  create function pg_temp.fall(what text) returns text language plpgsql as $f$
  begin
    insert into pg_temp.trap values (current_user || ' ' || what);
    return what;
  end $f$;
  create temp table paths (like mirror.paths);
  create temp table readings (like mirror.readings);
  create temp table listings (like mirror.listings);
  create temp table divergence_log (like mirror.divergence_log);
  create temp table suspects (like mirror.suspects);
  create temp table reading_sums (like mirror.reading_sums);
  create domain pg_temp.text as pg_catalog.text check (pg_temp.fall('text') is not null);
  create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.fall('jsonb') is not null);
  create domain pg_temp.timestamptz as pg_catalog.timestamptz
    check (pg_temp.fall('timestamptz') is not null);
  create function pg_temp.md5(pg_catalog.text) returns pg_catalog.text language sql
    as $f$ select pg_temp.fall('md5') $f$;
  create function pg_temp.clock_timestamp() returns pg_catalog.timestamptz language sql
    as $f$ select 'infinity'::pg_catalog.timestamptz $f$;
  set local search_path = pg_temp, pg_catalog;
`;

describe('temporary tables, types and functions of the caller', () => {
  test('no function that runs as owner meets them', async () => {
    await database.asLogin('mirror_functions')(async (client) => {
      await client.query(HIJACK);
      // The caller's own words do meet them.
      await client.query(`select 'x'::text`);
      const fallen = await client.query('select fell from pg_temp.trap');
      expect(fallen.rows).toEqual([{ fell: 'mirror_functions text' }]);
      for (const text of READINGS.filter((call) => !call.includes('set_reading'))) {
        await client.query(text);
      }
      await client.query(
        `select mirror.set_reading(pg_catalog.jsonb_build_object(
           'path', 'quest_completions', 'shard', 'a_b', 'kind', 'full', 'read_at', now(),
           'began_at', now(), 'seen_set_at', null, 'brought', 0, 'in_flight', 0,
           'due_at', now(), 'is_full_due', false, 'is_gone', false,
           'found', '[]'::pg_catalog.jsonb, 'renewed', '[]'::pg_catalog.jsonb,
           'resolved', '[]'::pg_catalog.jsonb, 'suspects', '[]'::pg_catalog.jsonb))`,
      );
      const asOwner = `select fell from pg_temp.trap where fell not like 'mirror_functions %'`;
      expect((await client.query(asOwner)).rows).toEqual([]);
      const taken = 'select from pg_temp.readings union all select from pg_temp.divergence_log';
      expect((await client.query(taken)).rows).toEqual([]);
      const real = `select from mirror.readings where (path, shard) = ('quest_completions', 'a_b')`;
      expect((await client.query(real)).rows).toHaveLength(1);
    });
  });
});

test('names in what is told are values, not SQL', async () => {
  await database.asLogin('mirror_functions')(async (client) => {
    const evil = `a_b'); delete from rtdb.quest_completions; --`;
    await client.query('select mirror.note_listed($1, now(), $2, $3, $4)', [
      ...['quest_completions', [evil], evil, '1h'],
    ]);
    await client.query(`select mirror.rows_of('quest_completions', $1, null, null, null, $2)`, [
      [evil],
      JSON.stringify([[evil, '2025-11-20', evil, evil]]),
    ]);
    await client.query('select mirror.fail_reading($1, $2, $3, $4)', [
      ...['quest_completions', evil, evil, '1h'],
    ]);
    await client.query('savepoint before');
    const noPath = client.query(`select mirror.note_touched($1, 'c', '1h', 1, null, null)`, [evil]);
    await expect(noPath).rejects.toMatchObject({ code: 'P0002' });
    await client.query('rollback to before');
    expect((await client.query('select from rtdb.quest_completions')).rows).toHaveLength(4);
  });
});

describe('the API’s login', () => {
  const may = ['begin_reading', 'rows_of', 'log_reading'];
  const isAllowed = (call: string) => may.some((name) => call.includes(`mirror.${name}(`));

  test.each(READINGS.filter((call) => !isAllowed(call)))('may not %s', (text) =>
    expect(database.asLogin('mirror_api')((client) => client.query(text))).rejects.toMatchObject(
      DENIED,
    ),
  );

  test.each(READINGS.filter(isAllowed))('may %s', (text) =>
    expect(database.asLogin('mirror_api')((client) => client.query(text))).resolves.toBeDefined(),
  );

  test.each([
    `select mirror.rows_of('lp_awards', '{a_b}', null, null, null, null)`,
    `select mirror.row_of('quest_completions', '[]')`,
    'select from rtdb.lp_awards',
    'select from mirror.rates',
    'select from mirror.reading_sums',
    'update mirror.readings set keys = 0',
    'update rtdb.quest_completions set payload = null',
    'delete from mirror.divergence_log',
  ])('may not %s', (text) =>
    expect(database.asLogin('mirror_api')((client) => client.query(text))).rejects.toMatchObject(
      DENIED,
    ),
  );
});
