import { cloneDatabase, type TestDatabase } from '../support/database';
import { peakMegabytes } from '../support/memory';
import { type RtdbStub, startRtdbStub } from '../support/rtdb-stub';
import { type Runtime, startRuntime } from '../support/runtime';
import { startTokenMint, type TokenMint } from '../support/tokens';

/** A user's own days may be as large as he likes: the rules don't limit how many fields a leaf has. */

const TODAY = new Date().toISOString().slice(0, 10);
const LEAVES = 60;
/** Nearly what one event can bring. */
const VALUE = {
  completedAt: 1763553600000,
  ...Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`f${n}`, 'x'.repeat(1_000)])),
};
const MAX_MB = 150;

let mint: TokenMint;
let database: TestDatabase;
let rtdb: RtdbStub;
let api: Runtime;

beforeAll(async () => {
  [mint, database, rtdb] = await Promise.all([startTokenMint(), cloneDatabase(), startRtdbStub()]);
  api = await startRuntime({
    ...{ target: 'mirrorApi', databaseUrl: database.url, rtdbHost: rtdb.host },
    env: { SUPABASE_JWT_ISSUER: mint.supabaseIssuer, NODE_ENV: 'production' },
  });
});

afterAll(async () => {
  await Promise.all([api?.stop(), mint?.stop(), rtdb?.stop()]);
  await database?.drop();
});

const quests = Array.from({ length: LEAVES }, (_, n) => `q${n + 10}`);
const holdInRtdb = (couple: string) =>
  rtdb.hold(
    `daily_quests/${couple}/${TODAY}/completions`,
    Object.fromEntries(quests.map((quest) => [quest, { ann: VALUE }])),
  );
const insert = async (couple: string, partner: string, count: number) => {
  const client = await database.pool.connect();
  await client.query(`begin; set local mirror.writer = 'on'`);
  await client.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time)
     select $1, $2, quest, 'ann', $3, now(), case n when 1 then 'true' else $4::jsonb end, 'rtdb', now()
     from unnest($5::text[]) with ordinality as q (quest, n)`,
    [couple, TODAY, partner, JSON.stringify(VALUE), quests.slice(0, count)],
  );
  await client.query('commit');
  client.release();
};

const read = async (partner: string) => {
  const headers = { authorization: `Bearer ${await mint.supabase('ann')}` };
  const path = `api/sync/daily-quests/completions?partner_id=${partner}&date=${TODAY}`;
  const response = await fetch(`${api.url}${path}`, { headers });
  return { status: response.status, text: await response.text() };
};

test('days of 54 MB are neither compared nor shown whole, and cost little memory', async () => {
  // The first is large in RTDB, the second in Postgres, where it is stored compressed, to a hundredth.
  holdInRtdb('ann_bob');
  await insert('ann_bob', 'bob', 1);
  await insert('ann_carl', 'carl', LEAVES);
  // Its text is made once.
  await (await fetch(`http://${rtdb.host}/daily_quests/ann_bob/${TODAY}/completions.json`)).text();
  const answers = await Promise.all(['bob', 'carl', 'bob', 'carl'].map(read));
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    const { completions, consistent } = JSON.parse(text) as {
      completions: [];
      consistent: boolean;
    };
    expect(completions).toMatchObject([{ quest_id: 'q10', payload: true }]);
    expect(consistent).toBe(false);
  }
  expect(peakMegabytes(api.pid)).toBeLessThan(MAX_MB);
  // What wasn't read isn't called a difference.
  expect(await database.query('select ref from mirror.divergence_log')).toEqual([]);
});
