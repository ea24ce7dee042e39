import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { emptyDatabase, MIGRATIONS, queryOnce } from '../integration/support/empty-database';
import { createSupabaseRoles, grantLikeSupabase } from '../integration/support/supabase-roles';
import { startOwnServer } from '../support/own-server';

/** examples/own-tables.sql, as it stands, beside an app's own schema. */

const ROOT = join(__dirname, '..', '..');
const EXAMPLE = readFileSync(join(ROOT, 'examples', 'own-tables.sql'), 'utf8');
const APP = readFileSync(join(ROOT, 'test/integration/support/app-schema.sql'), 'utf8');
// Of that schema.
const ANN = '11111111-1111-4111-8111-111111111111';
const BEN = '22222222-2222-4222-8222-222222222222';
const COUPLE = '33333333-3333-4333-8333-333333333333';
const OLD_QUEST = '44444444-4444-4444-8444-444444444444';

let server: LocalPostgres;
let url: string;

beforeEach(async () => {
  server ??= await startOwnServer();
  await createSupabaseRoles(server.url).catch(() => {});
  ({ url } = await emptyDatabase(server.url));
  await grantLikeSupabase(url);
  await queryOnce(url, APP);
  await applyMigrations({ databaseUrl: url, directory: MIGRATIONS });
  await queryOnce(
    url,
    `insert into mirror.identities (rtdb_user_id, app_user_id) values
       ('phone_1', '${ANN}'), ('token:x_1-', '${ANN}'), ('bens_phone', '${BEN}'), ('dev', 'no-uuid')`,
  );
  await days('bens_phone_phone_1', ['q1', 'q2']);
  await completed('bens_phone_phone_1', 'q1', 'phone_1');
  await completed('bens_phone_phone_1', 'q1', 'bens_phone');
  await completed('bens_phone_phone_1', 'q2', 'phone_1');
});

afterAll(() => server.stop());

const days = (couple: string, quests: string[]) =>
  queryOnce(
    url,
    `insert into rtdb.daily_quests (couple_id, date_key, payload, origin, event_time)
     values ($1, '2025-11-20', $2, 'rtdb', now())`,
    [
      couple,
      JSON.stringify(quests.map((id, n) => ({ id, formatType: 'classic', sortOrder: n + 1 }))),
    ],
  );
const completed = (couple: string, quest: string, user: string, at = '2025-11-20T06:00:00Z') =>
  queryOnce(
    url,
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     values ($1, '2025-11-20', $2, $3, $4, 'true', 'rtdb', $4)`,
    [couple, quest, user, at],
  );
const carry = () => queryOnce(url, EXAMPLE);
const carried = () =>
  queryOnce<{ quest: string; user: string; at: string }>(
    url,
    `select q.rtdb_quest_id as quest, c.user_id as user,
       to_char(c.completed_at at time zone 'UTC', 'HH24:MI') as at
     from public.quest_completions as c join public.daily_quests as q on q.id = c.quest_id
     where q.rtdb_quest_id is not null order by 1, 2`,
  );
const leftBehind = () =>
  queryOnce(url, 'select why, rtdb_user_id from bridge.left_behind order by why, rtdb_user_id');

test('completions reach the uuid tables through the identities; what was there stays', async () => {
  await carry();
  expect(await carried()).toEqual([
    { quest: 'q1', user: ANN, at: '06:00' },
    { quest: 'q1', user: BEN, at: '06:00' },
    { quest: 'q2', user: ANN, at: '06:00' },
  ]);
  const quests = await queryOnce(
    url,
    'select couple_id, quest_type, sort_order from public.daily_quests where rtdb_quest_id is not null order by 3',
  );
  expect(quests).toEqual(
    [1, 2].map((sort_order) => ({ couple_id: COUPLE, quest_type: 'classic', sort_order })),
  );
  const old = await queryOnce(
    url,
    'select user_id from public.quest_completions where quest_id = $1',
    [OLD_QUEST],
  );
  expect(old).toHaveLength(2);
  expect(await leftBehind()).toEqual([]);
});

test('again, it writes nothing; what came since comes along', async () => {
  await carry();
  const versions = () =>
    queryOnce(
      url,
      `select xmin::text, ctid::text from public.quest_completions
       union all select xmin::text, ctid::text from public.daily_quests order by 1, 2`,
    );
  const first = await versions();
  await carry();
  expect(await versions()).toEqual(first);
  await completed('bens_phone_phone_1', 'q2', 'bens_phone');
  await carry();
  expect(await carried()).toHaveLength(4);
});

test('a new phone is the same user, and its couple the same couple', async () => {
  await days('bens_phone_token:x_1-', ['q3']);
  await completed('bens_phone_token:x_1-', 'q3', 'token:x_1-', '2025-11-20T08:00:00Z');
  // The old phone's quest, completed by both phones.
  await days('token:x_1-_bens_phone', ['q1']);
  await completed('token:x_1-_bens_phone', 'q1', 'token:x_1-', '2025-11-20T09:00:00Z');
  // Paired without a partner's id.
  await days('_phone_1', ['q4']);
  await completed('_phone_1', 'q4', 'phone_1', '2025-11-20T10:00:00Z');
  await carry();
  expect(await carried()).toEqual([
    { quest: 'q1', user: ANN, at: '06:00' },
    { quest: 'q1', user: BEN, at: '06:00' },
    { quest: 'q2', user: ANN, at: '06:00' },
    { quest: 'q3', user: ANN, at: '08:00' },
    { quest: 'q4', user: ANN, at: '10:00' },
  ]);
});

test('what was deleted in RTDB is deleted, but not what the app wrote since', async () => {
  await carry();
  await queryOnce(
    url,
    `update rtdb.quest_completions set payload = null, deleted_at = '2025-11-20T07:00:00Z'
     where user_id = 'phone_1'`,
  );
  await queryOnce(
    url,
    `update public.quest_completions as c set completed_at = '2025-11-20T07:30:00Z'
     from public.daily_quests as q where q.id = c.quest_id and q.rtdb_quest_id = 'q2'`,
  );
  await carry();
  expect(await carried()).toEqual([
    { quest: 'q1', user: BEN, at: '06:00' },
    { quest: 'q2', user: ANN, at: '07:30' },
  ]);
});

test('what can not be carried is named, and stops nothing', async () => {
  await completed('bens_phone_phone_1', 'q9', 'phone_1');
  await completed('bens_phone_zoe', 'q1', 'zoe');
  await completed('bens_phone_dev', 'q1', 'dev');
  await completed('phone_1_token:x_1-', 'q1', 'phone_1');
  await completed('canary_canary-partner', 'canary', 'canary');
  await carry();
  expect(await carried()).toHaveLength(3);
  expect(await leftBehind()).toEqual([
    { why: 'no couple of these users', rtdb_user_id: 'phone_1' },
    { why: 'no identity for the user', rtdb_user_id: 'dev' },
    { why: 'no identity for the user', rtdb_user_id: 'zoe' },
    { why: 'no such quest in that day', rtdb_user_id: 'phone_1' },
  ]);
});

test("no app user sees through its views; the app's own policies hold", async () => {
  await carry();
  const as = (sub: string, text: string) =>
    queryOnce(
      `${url}?options=${encodeURIComponent(`-c role=authenticated -c request.jwt.claims=${JSON.stringify({ sub })}`)}`,
      text,
    );
  for (const view of ['users', 'couples', 'quests', 'completions', 'left_behind']) {
    await expect(as(ANN, `select from bridge.${view}`)).rejects.toMatchObject({ code: '42501' });
  }
  expect(await as(BEN, 'select from public.quest_completions')).toHaveLength(2);
  expect(await as(ANN, 'select from public.quest_completions')).toHaveLength(3);
});

test('each block of SQL in docs/own-tables.md stands in the example', () => {
  const page = readFileSync(join(ROOT, 'docs', 'own-tables.md'), 'utf8');
  const blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, text = '']) => text.trim());
  expect(blocks.length).toBeGreaterThan(1);
  expect(blocks.filter((block) => !EXAMPLE.includes(block))).toEqual([]);
});
