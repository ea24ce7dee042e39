import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const KEYS = 200;

let database: TestDatabase;
let rtdb: StandinTree;
let env: Record<string, string>;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  env = { DATABASE_URL: database.url, ...rtdb.env };
  const today = new Date().toISOString().slice(0, 10);
  const quests = Object.fromEntries(
    Array.from({ length: KEYS }, (_, n) => [`quest_${n}`, { alice: true }]),
  );
  await rtdb.rest.set(['daily_quests', 'alice_bob', today, 'completions'], quests);
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_id, event_time)
     select 'alice_bob', $1, 'quest_' || n, 'alice', now(), 'true', 'rtdb', 'e' || n, now()
     from generate_series(0, $2 - 1) as n`,
    [today, KEYS],
  );
});

afterAll(async () => {
  await Promise.all([rtdb.standin.stop(), database.drop()]);
});

const reconcileAndReport = async (...args: string[]) => {
  const reconciled = await runCommand(['reconcile', '--grace-seconds', '0', ...args], env);
  expect(reconciled).toMatchObject({ code: 0, errors: '' });
  const { code, out } = await runCommand(['report', '--json'], env);
  return { code, ...JSON.parse(out) };
};

test('a run of one couple proves nothing; a run of all makes the gate hold', async () => {
  expect(await reconcileAndReport('--couple', 'alice_bob')).toMatchObject({
    code: 2,
    reasons: [{ code: 'no_run' }],
  });
  expect(await reconcileAndReport()).toMatchObject({
    code: 0,
    raw: { matched: KEYS, compared: KEYS, rate: 1 },
  });
});

test('rows that are gone fail it, and what healed makes it hold again', async () => {
  const lost = await database.query<Record<string, unknown>>(
    `delete from rtdb.quest_completions
     where quest_id in ('quest_1', 'quest_2', 'quest_3') returning quest_id`,
  );
  expect(lost).toHaveLength(3);
  const bad = await reconcileAndReport();
  expect(bad).toMatchObject({
    code: 1,
    raw: { matched: KEYS - 3, compared: KEYS },
    reasons: [{ code: 'below_threshold' }],
  });
  expect(bad.divergences).toEqual([
    expect.objectContaining({ kind: 'missing_in_postgres', open: 3 }),
  ]);
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
     select couple_id, date_key, quest, user_id, completed_at, payload, origin, event_time
     from rtdb.quest_completions, unnest(array['quest_1', 'quest_2', 'quest_3']) as quest
     where quest_id = 'quest_0'`,
  );
  expect(await reconcileAndReport()).toMatchObject({ code: 0, divergences: [] });
});
