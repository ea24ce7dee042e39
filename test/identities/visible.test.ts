import {
  type AppDatabase,
  applyRows,
  appUser,
  startAppDatabase,
} from '../app/support/app-database';
import { APP_PATHS } from '../app/support/app-fixtures';

// As the app has them: RTDB knows phones and push tokens, tokens name Supabase's users.
const ANN = '4cdfec06-4a31-4282-bf15-1e3ad08153f3';
const OLD_PHONE = '9ffaf9d5-c054-49ca-a33c-3e9f6398b2fd';
const NEW_PHONE = 'b1FAKE_gq%cI1\\ib41:APA91b_x';
const BEN = '70689461-9e35-4f28-8769-1d1f4ef1ba3d';
const BENS_PHONE = 'dev-user-12';

const OLD_COUPLE = `${OLD_PHONE}_${BENS_PHONE}`;
const NEW_COUPLE = `${NEW_PHONE}_${BENS_PHONE}`;
/** What `like` would take for the pattern of the new phone, were it not escaped. */
const LOOKALIKE = `${NEW_PHONE.replace('%', 'XX').replace(/_/g, '-')}_${BENS_PHONE}x`;
const OTHERS = 'cleo_dora';

let database: AppDatabase;

beforeAll(async () => {
  database = await startAppDatabase();
  for (const path of APP_PATHS) {
    const key: Record<string, string> = Object.fromEntries(
      [...path.ref.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        name === 'dateKey' ? '2025-11-20' : 'x',
      ]),
    );
    const of = (couple: string, user: string) => ({
      key: { ...key, couple_id: couple, ...('user_id' in key ? { user_id: user } : {}) },
      value: true,
    });
    await applyRows(database, path, [
      ...[of(OLD_COUPLE, OLD_PHONE), of(NEW_COUPLE, NEW_PHONE)],
      ...[of(LOOKALIKE, 'zoe'), of(OTHERS, 'cleo')],
    ]);
  }
  await database.query(
    `insert into mirror.identities (rtdb_user_id, app_user_id)
     values ($1, $2), ($3, $2), ($4, $5)`,
    [OLD_PHONE, ANN, NEW_PHONE, BENS_PHONE, BEN],
  );
});

afterAll(() => database.stop());

const seenBy = async (sub: string, name: string) => {
  const rows = await database.as<{ couple_id: string }>(
    appUser(sub),
    `select couple_id from rtdb.${name} order by couple_id`,
  );
  return rows.map(({ couple_id }) => couple_id);
};

describe.each(APP_PATHS.map(({ name }) => name))('rtdb.%s', (name) => {
  test('an app user sees the rows of all their phones, and so does the partner', async () => {
    expect(await seenBy(ANN, name)).toEqual([OLD_COUPLE, NEW_COUPLE].sort());
    // Completions are seen by the two columns; this test fills no partner_id.
    if (name !== 'quest_completions') {
      expect(await seenBy(BEN, name)).toEqual([OLD_COUPLE, NEW_COUPLE].sort());
    }
  });

  test("a subject that is an RTDB id sees that id's rows, not its owner's others", async () => {
    expect(await seenBy(OLD_PHONE, name)).toEqual([OLD_COUPLE]);
    expect(await seenBy(NEW_PHONE, name)).toEqual([NEW_COUPLE]);
  });

  test.each([ANN.toUpperCase(), ANN.slice(1), '%', '_', '{}', `{${OLD_PHONE}}`, `${ANN},x`])(
    'the subject %j sees nothing',
    async (sub) => expect(await seenBy(sub, name)).toEqual([]),
  );
});

describe('mirror.identities', () => {
  const DENIED = { code: '42501' };

  test.each([
    'anon',
    'authenticated',
    'quest_mirror_api',
    'quest_mirror_reader',
    'quest_mirror_writer',
  ])('%s may not read or write it', async (role) => {
    const caller = { role, claims: appUser(ANN).claims };
    for (const text of [
      'select from mirror.identities',
      `insert into mirror.identities values ('x', 'y')`,
      'delete from mirror.identities',
    ]) {
      await expect(database.as(caller, text)).rejects.toMatchObject(DENIED);
    }
  });

  test.each(['ids_of', 'own_ids', 'own_shards'])('an app user can not call mirror.%s', (name) =>
    expect(
      database.as(appUser(ANN), `select mirror.${name}(${name === 'ids_of' ? `'${BEN}'` : ''})`),
    ).rejects.toMatchObject(DENIED),
  );

  test('the policies ask once a query, and find the ids by the index', async () => {
    await database.query(
      `insert into mirror.identities (rtdb_user_id, app_user_id)
       select 'phone-' || n, 'user-' || n from generate_series(1, 20000) as n`,
    );
    await database.query('analyze mirror.identities');
    const ids = await database.query<{ 'QUERY PLAN': string }>(
      `explain select rtdb_user_id from mirror.identities where app_user_id = 'user-7'`,
    );
    expect(ids[0]?.['QUERY PLAN']).toContain('Index Only Scan using identities_app_user');
    for (const name of ['quest_completions', 'lp_awards']) {
      const plan = await database.as<{ 'QUERY PLAN': string }>(
        appUser(ANN),
        `explain (analyze, costs off, timing off) select from rtdb.${name}`,
      );
      const text = plan.map((line) => line['QUERY PLAN']).join('\n');
      expect(text).toMatch(/InitPlan/);
      expect(text).not.toMatch(/SubPlan/);
    }
  });
});
