import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  grantsCheck,
  rowSecurityCheck,
  TABLE_ACCESS,
} from '../../functions/src/cli/doctor/access-checks';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorOn, REF, type TestMirror, writeOf } from '../support/mirror';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { queries } from './support/statements';

/** The SQL of docs/partitioning.md, as it stands there. */

const ROOT = join(__dirname, '..', '..');
const ROWS = 10_000;
const WRITER = `mirror_functions_${process.pid}`;
/** In the partition that was the table, in the one of January, and in the default one. */
const DAYS = ['2025-11-19', '2026-01-15', '2026-12-05'];

const SEED = `
insert into rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id,
  completed_at, payload, origin, event_id, event_time
)
select
  'u' || n || '_v' || n, date '2025-11-01' + n % 20, 'quest_' || n, 'u' || n, 'v' || n,
  now(), 'true', 'rtdb', 'seed-' || n, now()
from generate_series(1, $1::integer) as n
`;

const GRANTS = `
select c.relacl::text as grants, array(
  select a.attname || ' ' || a.attacl::text from pg_attribute as a
  where a.attrelid = c.oid and a.attacl is not null
) as columns, array(
  select t.tgname::text from pg_trigger as t where t.tgrelid = c.oid and not t.tgisinternal order by 1
) as triggers
from pg_class as c where c.oid = 'rtdb.quest_completions'::regclass
`;

const POLICIES = `
select policyname, cmd, roles::text, qual, with_check
from pg_policies where (schemaname, tablename) = ('rtdb', 'quest_completions') order by policyname
`;

let database: TestDatabase;
let rtdb: StandinTree;
let writer: TestMirror;
let policiesBefore: unknown[];
let grantsBefore: unknown[];

const sqlBlocks = () =>
  [
    ...readFileSync(join(ROOT, 'docs', 'partitioning.md'), 'utf8').matchAll(/```sql\n(.*?)```/gs),
  ].map(([, sql = '']) => sql);

const refOn = (date: string, quest: string) =>
  REF.replace('2025-11-19', date).replace('quest_1', quest);

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  await database.query(`create role ${WRITER} login password 'x' in role quest_mirror_writer`);
  await database.query(SEED, [ROWS]);
  policiesBefore = await database.query(POLICIES);
  grantsBefore = await database.query(GRANTS);
  const url = new URL(database.url);
  Object.assign(url, { username: WRITER, password: 'x' });
  writer = mirrorOn(url.href, () => 5);
  // Its session has planned its statements on the table as it was.
  for (const second of [1, 2, 3]) {
    const ref = refOn('2025-11-19', `quest_before_${second}`);
    await writer.mirror(writeOf({ id: `before-${second}`, ref }));
  }
  for (const sql of sqlBlocks()) await database.query(sql);
}, 60_000);

afterAll(async () => {
  await writer?.store.close();
  await rtdb?.standin.stop();
  await database?.query(`drop role ${WRITER}`);
  await database?.drop();
});

async function count(sql: string): Promise<number> {
  const [row] = await database.query<{ n: number }>(`select count(*)::integer as n from ${sql}`);
  return row?.n ?? Number.NaN;
}

test('no row is lost, and each partition has the indexes and the key', async () => {
  expect(await count('rtdb.quest_completions')).toBeGreaterThanOrEqual(ROWS + 3);
  const indexes = await database.query<{ n: number }>(
    `select count(*)::integer as n from pg_index as i join pg_class as c on c.oid = i.indrelid
     where c.relispartition and c.relkind = 'r' and i.indisvalid group by c.oid`,
  );
  expect(indexes).toEqual([{ n: 3 }, { n: 3 }, { n: 3 }, { n: 3 }]);
});

test.each(DAYS)('a session from before goes on, with every outcome, on %s', async (date) => {
  const ref = refOn(date, 'quest_1');
  const at = (second: number) => `2025-11-19T12:00:0${second}Z`;
  const events: [string, ReturnType<typeof writeOf>][] = [
    ['applied', writeOf({ ref, id: 'e1', time: at(1) })],
    ['duplicate', writeOf({ ref, id: 'e1', time: at(1) })],
    ['applied', writeOf({ ref, id: 'e4', time: at(4), before: null, after: 5 })],
    ['stale', writeOf({ ref, id: 'e2', time: at(2), before: true, after: null })],
    ['tied', writeOf({ ref, id: 'e5', time: at(4), before: 5, after: null })],
    ['rejected', writeOf({ ref, id: 'e6', time: at(6), after: 'yes' })],
    ['applied', writeOf({ ref, id: 'e7', time: at(7), before: 5, after: null })],
    ['applied', writeOf({ id: 'f1', ref: refOn(date, 'quest_2') })],
  ];
  for (const [outcome, event] of events) {
    expect(await writer.mirror(event)).toMatchObject({ outcome });
  }
  const rows = `rtdb.quest_completions where date_key = '${date}' and couple_id = 'alice_bob'`;
  expect(await count(`${rows} and quest_id = 'quest_1' and deleted_at is not null`)).toBe(1);
  expect(await count(`${rows} and quest_id = 'quest_2' and deleted_at is null`)).toBe(1);
});

test('policies, grants and triggers are what they were; an app user sees own live rows, and no partition', async () => {
  expect(await database.query(POLICIES)).toEqual(policiesBefore);
  expect(await database.query(GRANTS)).toEqual(grantsBefore);
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('create role app_user');
    await client.query('grant usage on schema rtdb to app_user');
    await client.query('grant select on rtdb.quest_completions to app_user');
    await client.query('grant execute on function mirror.own_ids() to app_user');
    await client.query('set local role app_user');
    await client.query(`select set_config('request.jwt.claims', '{"sub":"u7"}', true)`);
    const { rows } = await client.query('select user_id from rtdb.quest_completions');
    expect(rows).toEqual([{ user_id: 'u7' }]);
    await expect(client.query('select from mirror.quest_completions_before')).rejects.toThrow(
      /permission denied/,
    );
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a direct write to any partition is noted', async () => {
  for (const date of DAYS) {
    await database.query(
      `update rtdb.quest_completions set payload = '7' where date_key = $1 and quest_id = 'quest_2'
         and couple_id = 'alice_bob'`,
      [date],
    );
  }
  expect(await count(`mirror.direct_writes where operation = 'update'`)).toBe(3);
});

test('doctor finds row level security and grants in order', async () => {
  const tables = await TABLE_ACCESS.all(database.statements);
  expect(tables.filter(({ name }) => name.includes('quest_completions'))).toHaveLength(5);
  expect(rowSecurityCheck(tables).status).toBe('ok');
  expect(grantsCheck(tables).status).toBe('ok');
});

test('every statement of the code fits', async () => {
  // Had none been found, all of them would fit.
  expect(queries().length).toBeGreaterThan(20);
  for (const { text } of queries()) await database.query(`prepare one as ${text}; deallocate one`);
});

/** Which stores, and nothing else. */
const READS = expect.stringMatching(/^Reads RTDB .*\n$/);

test('backfill and reconcile run across partitions', async () => {
  const env = { ...rtdb.env, DATABASE_URL: database.url, RECONCILE_GRACE_SECONDS: '0' };
  // The other couples are 100,000.
  const completions = ['--path', 'quest_completions', '--couple', REF.split('/')[1] ?? ''];
  for (const date of ['2026-01-20', '2026-02-03', '2026-12-06']) {
    await rtdb.rest.set(refOn(date, 'quest_9').split('/'), true);
    const days = ['--from', date, '--to', date];
    const backfill = await runCommand(['backfill', ...completions, ...days, '--json'], env);
    expect(backfill).toMatchObject({ code: 0, errors: READS });
    expect(JSON.parse(backfill.out).paths.quest_completions).toMatchObject({ inserted: 1 });
    const reconciled = await runCommand(['reconcile', ...completions, ...days, '--json'], env);
    expect(reconciled).toMatchObject({ code: 0, errors: READS });
    expect(JSON.parse(reconciled.out)).toMatchObject({ failed: 0, failures: [] });
  }
  const lacking = `select from mirror.divergence_log
    where kind = 'missing_in_postgres' and resolved_at is null and shard = $1`;
  expect(await database.query(lacking, [REF.split('/')[1]])).toEqual([]);
});
