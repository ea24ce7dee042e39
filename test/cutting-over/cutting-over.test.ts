import { type Database, get, goOffline, goOnline, ref, set } from '@firebase/database';
import { canaryLeaf } from '../../functions/src/canary/canaries';
import { clientSdk, closeSdks } from '../rtdb-standin/support/sdk';
import { eventually } from '../support/eventually';
import { blocksOf } from '../support/page';
import { closedRules } from './support/closed-rules';
import { CUT_OVER, Stage } from './support/stage';

/** docs/cutting-over.md, played from its first step to its last; each test goes on where the one before ended. */

/** More of them, to see what the steps take. */
const COUPLES = Number(process.env.PLAY_COUPLES ?? 8);
const TODAY = new Date().toISOString().slice(0, 10);
const block = blocksOf('cutting-over.md');
const PATHS = ['--path', ...CUT_OVER.map(({ name }) => name)];

let stage: Stage;
let closedAt: string;
const phones = new Map<string, Database>();

beforeAll(async () => {
  stage = await Stage.start();
}, 60_000);

afterAll(async () => {
  await closeSdks();
  await stage?.stop();
});

const leafOf = (user: string, quest: string, couple = 'ann0_bob0') =>
  ['daily_quests', couple, TODAY, 'completions', quest, user].join('/');

/** The phone of somebody who is signed in. */
function phoneOf(user: string): Database {
  const phone = phones.get(user) ?? clientSdk(stage.standin, user);
  phones.set(user, phone);
  return phone;
}

const tick = (user: string, quest: string, couple?: string) =>
  set(ref(phoneOf(user), leafOf(user, quest, couple)), true);

const mine = (quest: string, user = 'ann0') =>
  stage
    .query<{ payload: unknown; written_by: string; is_live: boolean }>(
      `select payload, written_by, deleted_at is null as is_live from app.completions
       where (quest_id, user_id) = ('${quest}', '${user}')`,
    )
    .then(([row]) => row);

/** A phone's write to Postgres, as PostgREST sends an upsert. */
const tickInPostgres = (user: string, quest: string, couple = 'ann0_bob0') =>
  stage.asUser(
    user,
    `insert into app.completions as mine
       (couple_id, date_key, quest_id, user_id, partner_id, payload, completed_at, deleted_at)
     values ($1, $2, $3, $4, replace(replace($1, $4, ''), '_', ''), 'true', now(), null)
     on conflict (couple_id, date_key, quest_id, user_id)
     do update set payload = excluded.payload, completed_at = excluded.completed_at, deleted_at = null`,
    [couple, TODAY, quest, user],
  );

const seenBy = async (user: string) => {
  const rows = await stage.asUser<{ what: string }>(
    user,
    `select user_id || ' ' || quest_id as what from app.completions where deleted_at is null`,
  );
  return rows.map(({ what }) => what).sort();
};

interface CopyRate {
  total: number;
  differing: number;
  unknown: number;
}

/** The copy's rate of each path, as `mirror report` tells it. */
async function copyRates(): Promise<Record<string, CopyRate>> {
  const { out } = await stage.verb('report', ...PATHS, '--json');
  const report: { paths: { path: string; copy: CopyRate }[] } = JSON.parse(out);
  return Object.fromEntries(report.paths.map(({ path, copy }) => [path, copy]));
}

const reconcile = async () => {
  expect(await stage.verb('reconcile', ...PATHS, '--full')).toMatchObject({ code: 0 });
};

test('weeks before: the bridge keeps the own table as the copy is, and nobody notices Postgres going', async () => {
  await tick('ann0', 'quest_early');
  await eventually(
    async () => (await stage.query('select from rtdb.quest_completions')).length > 0,
    { describe: 'the first row' },
  );
  await stage.query(block('own table'));
  await stage.query(block('bridge'));
  expect(await mine('quest_early')).toMatchObject({ payload: true, written_by: 'rtdb' });

  await Promise.all([tick('ann0', 'quest_1'), tick('bob0', 'quest_1')]);
  for (let n = 1; n < COUPLES; n += 1) {
    const day = { quest_1: { [`ann${n}`]: true, [`bob${n}`]: true } };
    await stage.rtdb.set(['daily_quests', `ann${n}_bob${n}`, TODAY, 'completions'], day);
  }
  await stage.rtdb.set(['lp_awards', 'ann0_bob0', 'award_1'], { amount: 30 });
  await stage.standin.eventsDelivered();
  expect(await seenBy('bob0')).toEqual(['ann0 quest_1', 'ann0 quest_early', 'bob0 quest_1']);

  await reconcile();

  // The platform would deliver these for a day; the stand-in gives up at once, so that they are lost.
  await stage.withoutPostgres(async () => {
    await tick('ann0', 'quest_lost');
    await stage.rtdb.set(['lp_awards', 'ann0_bob0', 'award_1'], { amount: 40 });
    await set(ref(phoneOf('ann0'), leafOf('ann0', 'quest_1')), null);
    await stage.standin.eventsDelivered();
  });
  // A backend's, which the rules can't stop and the mirror refuses.
  await stage.rtdb.set(leafOf('bob0', 'quest_odd').split('/'), 'yes');
  await stage.standin.eventsDelivered();
  expect(await seenBy('bob0')).toContain('ann0 quest_1');
});

test('1: with closed rules no phone writes, and each may read', async () => {
  const closed = closedRules(stage.rulesOfThisRepository());
  expect(closed.match(/"\.write": [^f]/g)).toBeNull();
  const offline = phoneOf('bob1');
  const known = ref(offline, leafOf('bob1', 'quest_late', 'ann1_bob1'));
  goOffline(offline);
  const late = set(known, true).then(
    () => 'taken',
    () => 'refused',
  );
  await stage.deployRules(closed);
  [{ closedAt } = { closedAt: '' }] = await stage.query<{ closedAt: string }>(
    `select clock_timestamp()::text as "closedAt"`,
  );

  await expect(tick('ann0', 'quest_2')).rejects.toThrow('PERMISSION_DENIED');
  const leaf = (quest: string) => get(ref(phoneOf('ann0'), leafOf('ann0', quest)));
  expect((await leaf('quest_2')).exists()).toBe(false);
  expect((await leaf('quest_lost')).val()).toBe(true);
  goOnline(offline);
  expect(await late).toBe('refused');
  const { checks } = JSON.parse((await stage.verb('doctor', '--json')).out);
  expect(checks).toContainEqual(
    expect.objectContaining({
      name: 'rules',
      finding: expect.stringContaining('no client may write them'),
    }),
  );
});

test("1: an old phone's second write is taken, and carried", async () => {
  const answer = await fetch(`${stage.api.url}api/sync/daily-quests/completion`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await stage.mint.supabase('bob2')}`,
    },
    body: JSON.stringify({
      ...{ quest_id: 'quest_2', user_id: 'bob2', partner_id: 'ann2' },
      timestamp: new Date().toISOString(),
    }),
  });
  expect(await answer.json()).toEqual({ status: 'applied' });
  expect(await mine('quest_2', 'bob2')).toMatchObject({ payload: true, written_by: 'rtdb' });
});

test('2: canaries from after the closing show that the way is free', async () => {
  const through = async () => {
    const rows = await stage.query<{ path: string; is_through: boolean }>(block('through'), {
      closed_at: closedAt,
    });
    const paths: string[] = CUT_OVER.map(({ name }) => name);
    return rows.filter(({ path, is_through }) => is_through && paths.includes(path)).length;
  };
  expect(await through()).toBe(0);
  await stage.flyCanaries();
  expect(await through()).toBe(CUT_OVER.length);
});

test('3: the comparison finds what was lost and what was refused', async () => {
  await reconcile();
  const rates = await copyRates();
  expect(rates.quest_completions).toMatchObject({ differing: 3, unknown: 0 });
  expect(rates.lp_awards).toMatchObject({ total: 1, differing: 1, unknown: 0 });
});

test('4: after the repair all agree, but what the mirror refuses; once that is corrected, the copy is at 100%', async () => {
  const look = await stage.verb('repair', ...PATHS);
  expect(look).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was written') });
  expect((await copyRates()).quest_completions).toMatchObject({ differing: 3 });
  await stage.verb('repair', ...PATHS, '--write');
  await reconcile();
  expect((await copyRates()).quest_completions).toMatchObject({ differing: 1, unknown: 0 });
  expect(await mine('quest_lost')).toMatchObject({ payload: true });
  expect(await mine('quest_1')).toMatchObject({ is_live: false });

  const odd = leafOf('bob0', 'quest_odd');
  expect((await stage.verb('explain', odd)).out).toContain('rejected');
  await stage.rtdb.set(odd.split('/'), true);
  await stage.standin.eventsDelivered();
  await reconcile();
  expect(Object.values(await copyRates())).toEqual(
    CUT_OVER.map(() => expect.objectContaining({ differing: 0, unknown: 0 })),
  );
  expect((await stage.verb('report', ...PATHS)).out).toMatch(/^quest_completions +100\.0000%/m);
  expect(await stage.query(block('own table differs'))).toEqual([]);
});

test('5: phones read and write Postgres, each their own', async () => {
  await expect(tickInPostgres('ann0', 'quest_3')).rejects.toMatchObject({ code: '42501' });
  await stage.query(block('open own table'));
  await tickInPostgres('ann0', 'quest_3');
  // What was refused while writes were closed, the phone kept.
  await tickInPostgres('bob1', 'quest_late', 'ann1_bob1');
  await stage.asUser(
    'bob0',
    `update app.completions set deleted_at = now() where (quest_id, user_id) = ('quest_1', 'bob0')`,
  );
  const ticks = ['ann0 quest_3', 'ann0 quest_early', 'ann0 quest_lost', 'bob0 quest_odd'];
  expect(await seenBy('ann0')).toEqual(ticks);
  expect(await seenBy('bob0')).toEqual(ticks);
  expect(await seenBy('mallory')).toEqual([]);
});

test.each([
  ['as somebody else', "'ann0', null"],
  ["as a stranger in somebody's couple", "'mallory', 'ann0'"],
  ['as a stranger who names nobody', "'mallory', null"],
])('5: a tick in a couple of others is refused: %s', async (_how, users) => {
  const tick = `insert into app.completions (couple_id, date_key, quest_id, user_id, partner_id, completed_at)
    values ('ann0_bob0', now(), 'quest_4', ${users}, now())`;
  await expect(stage.asUser('mallory', tick)).rejects.toMatchObject({ code: '42501' });
});

test("5: from now on Postgres' outage is the users'; an old phone reads RTDB as it was", async () => {
  await stage.withoutPostgres(async () => {
    await expect(seenBy('ann0')).rejects.toThrow('not currently accepting connections');
    await expect(tickInPostgres('ann0', 'quest_4')).rejects.toThrow();
    const old = await get(ref(phoneOf('bob0'), leafOf('bob0', 'quest_1')));
    expect(old.val()).toBe(true);
  });
  expect(await seenBy('ann0')).toContain('ann0 quest_3');
});

test('5: the net shows who still writes RTDB, and what the app wrote later stands', async () => {
  const writers = () =>
    stage.query<{ origin: string; quest_id: string }>(block('still writes RTDB'), {
      closed_at: closedAt,
    });
  const before = (await writers()).map(({ origin, quest_id }) => `${origin} ${quest_id}`);
  expect(before).toEqual(['client quest_2', 'rtdb quest_odd']);
  await stage.rtdb.set(leafOf('ann0', 'quest_backend').split('/'), true);
  await stage.standin.eventsDelivered();
  expect(await writers()).toHaveLength(3);
  expect(await mine('quest_backend')).toMatchObject({ written_by: 'rtdb' });
  // Once more, the fill: nothing that the app wrote gives way to what the copy had before.
  await stage.query('select app.take_completion(leaf) from rtdb.quest_completions as leaf');
  expect(await mine('quest_1', 'bob0')).toMatchObject({ written_by: 'app', is_live: false });
});

test('back: what would be lost is listed, carried to RTDB, and then nothing is lost', async () => {
  const lost = () => stage.query<{ quest_id: string }>(block('the way back loses'));
  expect((await lost()).map(({ quest_id }) => quest_id)).toEqual([
    ...['quest_3', 'quest_late', 'quest_1'],
  ]);
  await stage.query('revoke insert, update on app.completions from authenticated');
  const [{ changes } = { changes: {} }] = await stage.query<{ changes: object }>(
    block('carry back'),
  );
  expect(changes).toEqual({
    [leafOf('ann0', 'quest_3')]: true,
    [leafOf('bob1', 'quest_late', 'ann1_bob1')]: true,
    [leafOf('bob0', 'quest_1')]: null,
  });
  // As `firebase database:update /` sends it.
  const answer = await fetch(stage.rtdb.url([]), {
    method: 'PATCH',
    headers: { authorization: 'Bearer owner' },
    body: JSON.stringify(changes),
  });
  expect(answer.status).toBe(200);
  await stage.standin.eventsDelivered();
  expect(await lost()).toEqual([]);
  expect(await stage.query(block('own table differs'))).toEqual([]);

  await stage.deployRules(stage.rulesOfThisRepository());
  const read = async (user: string, quest: string) =>
    (await get(ref(phoneOf('ann0'), leafOf(user, quest)))).val();
  expect([await read('ann0', 'quest_3'), await read('bob0', 'quest_1')]).toEqual([true, null]);
  await tick('ann0', 'quest_5');
  await stage.standin.eventsDelivered();
  expect(await seenBy('bob0')).toContain('ann0 quest_5');
  await reconcile();
  expect((await copyRates()).quest_completions).toMatchObject({ differing: 0, unknown: 0 });
});

test('without a window: what an old phone writes reaches a new one, and not the other way', async () => {
  await stage.query(block('open own table'));
  await tickInPostgres('ann0', 'quest_6');
  await tick('bob0', 'quest_6');
  await stage.standin.eventsDelivered();
  expect(await seenBy('ann0')).toEqual(expect.arrayContaining(['ann0 quest_6', 'bob0 quest_6']));
  expect((await get(ref(phoneOf('bob0'), leafOf('ann0', 'quest_6')))).exists()).toBe(false);
});

test('decommissioning leaves the own table, and nothing of the mirror', async () => {
  const copy = 'select from rtdb.quest_completions';
  expect((await stage.asUser('ann0', copy)).length).toBeGreaterThan(0);
  await stage.query(block('hide the copy'));
  await expect(stage.asUser('ann0', copy)).rejects.toMatchObject({ code: '42501' });
  await stage.query('select mirror.rebuild_paths()');
  expect((await stage.asUser('ann0', copy)).length).toBeGreaterThan(0);

  const before = await seenBy('ann0');
  for (const name of ['keep', 'bridge and books', 'copy', 'roles']) await stage.query(block(name));
  expect(await seenBy('ann0')).toEqual(before);
  await stage.query(block('open own table'));
  await tickInPostgres('ann0', 'quest_7');
  const left = await stage.query(
    `select nspname as name from pg_namespace where nspname in ('rtdb', 'mirror')
     union all select rolname from pg_roles where rolname ~ 'mirror'`,
  );
  expect(left).toEqual([]);
  for (const path of CUT_OVER) await stage.rtdb.remove(canaryLeaf(path).path);
  // As if it had never been there.
  expect(await stage.verb('migrate')).toMatchObject({ code: 0 });
});
