import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { eventually } from '../../local/eventually';
import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { mirrorPathOn, type TestMirror, writeOf } from '../support/mirror';
import { pristineDatabase } from '../support/pristine-database';
import { everyText } from './support/every-text';

let database: TestDatabase;
let mirrors: TestMirror[];

beforeEach(async () => {
  database = await pristineDatabase();
  mirrors = [1, 2].map(() => mirrorPathOn(questCompletions, database.url, () => null));
});

afterEach(() => Promise.all(mirrors.map(({ store }) => store.close())));

const refOf = (n: number) => `daily_quests/ann_ben/2025-11-19/completions/quest_${n}/ann`;
const write = (n: number, at: number) =>
  mirrors[n % mirrors.length]?.mirror(
    writeOf({
      id: `e${at}-${n}`,
      ref: refOf(n),
      time: new Date(Date.UTC(2025, 10, 19) + at).toISOString(),
      // Of some the log says something.
      ...(n % 5 === 0 ? { before: 'seen by nobody', after: true } : {}),
    }),
  );

test('nothing that is being written while a person is erased comes back behind it', async () => {
  for (let round = 0; round < 5; round += 1) {
    await database.query('delete from mirror.erased');
    let isOver = false;
    const writing = Array.from({ length: 16 }, async (_, lane) => {
      const outcomes = new Set<string | undefined>();
      for (let at = 0; !isOver; at += 1) {
        const outcome = await write(lane * 1_000 + (at % 50), round * 1_000_000 + at);
        outcomes.add(outcome?.outcome);
      }
      return outcomes;
    });
    const env = { DATABASE_URL: database.url };
    const args = ['erase', '--user', 'ann', '--rtdb-keeps-it', '--write'];
    const { code, errors } = await runCommand(args, env);
    isOver = true;
    const outcomes = await Promise.all(writing);
    expect([code, errors]).toEqual([0, '']);
    expect(outcomes.some((seen) => seen.has('applied'))).toBe(true);
    const texts = (await everyText(database)).split('\n');
    expect(texts.filter((text) => text.includes('ann_ben'))).toEqual([]);
  }
});

test('somebody who left a transaction open is waited for, and holds up no events', async () => {
  const holder = await database.pool.connect();
  try {
    await holder.query(`
      begin;
      set local mirror.writer = 'on';
      insert into rtdb.quest_completions
        (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time)
      values ('ann_ben', '2025-11-19', 'q1', 'ann', now(), 'true', 'rtdb', now())`);
    const args = ['erase', '--user', 'ann', '--rtdb-keeps-it', '--write'];
    const erasing = runCommand(args, { DATABASE_URL: database.url });
    await eventually(async () => {
      const waiting = await database.query(
        `select from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and query like '%await_writers%' and now() - query_start > interval '300 ms'`,
      );
      expect(waiting).toHaveLength(1);
    });
    const ref = 'daily_quests/cleo_dora/2025-11-19/completions/q1/cleo';
    expect(await mirrors[0]?.mirror(writeOf({ id: 'e1', ref }))).toMatchObject({
      outcome: 'applied',
    });
    await expect(
      database.query(`select mirror.await_writers('rtdb.quest_completions', '10 ms')`),
    ).rejects.toThrow(/nothing was removed: .* rtdb\.quest_completions have to end first: pid \d+/);
    await holder.query('commit');
    expect((await erasing).code).toBe(0);
    expect(await database.query('select couple_id from rtdb.quest_completions')).toEqual([
      { couple_id: 'cleo_dora' },
    ]);
  } finally {
    holder.release(true);
  }
});

test('while nobody is erased, no id is hashed: one look at an empty table, once a statement', async () => {
  const client = await database.pool.connect();
  try {
    await client.query(
      `set track_functions = 'all'; set plan_cache_mode = force_generic_plan;
       load 'auto_explain'; set auto_explain.log_min_duration = 0;
       set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on;
       set auto_explain.log_timing = off; set client_min_messages = log`,
    );
    const plans: string[] = [];
    client.on('notice', ({ message = '' }) => plans.push(message));
    const claims = Array.from({ length: 80 }, (_, n) => ({
      ...{ n, ref: refOf(n), _couple_id: 'ann_ben', _date_key: '2025-11-19', _user_id: 'ann' },
      ...{ _quest_id: `quest_${String(n).padStart(2, '0')}`, _partner_id: 'ben', payload: true },
      ...{ _completed_at: '2025-11-19T00:00:00Z', event_id: `e${n}` },
      ...{ event_time: '2025-11-19T00:00:00Z', before_known: false, settles_tie: false },
    }));
    const apply = async () => {
      plans.length = 0;
      const { rows } = await client.query<{ verdict: string }>(
        `select distinct verdict from mirror.apply_quest_completions($1, '1s', $2)`,
        [JSON.stringify(claims), JSON.stringify({ partner_id: 'text' })],
      );
      return { verdicts: rows.map(({ verdict }) => verdict), plan: plans.join('\n') };
    };
    const { verdicts, plan } = await apply();
    expect(verdicts).toEqual(['applied']);
    const [, loops] =
      /Seq Scan on erased .*\(actual rows=0(?:\.00)? loops=(\d+)\)/.exec(plan) ?? [];
    expect(loops).toBe('1');
    // The body of is_erased would be one more statement in the plans.
    expect(plan).not.toContain('sha256');
    await database.query(
      `insert into mirror.erased (id_sha256, id_length, until) values (sha256('ann'), 3, 'infinity')`,
    );
    const erased = await apply();
    expect(erased.verdicts).toEqual(['erased']);
    expect(erased.plan).toContain('sha256');
  } finally {
    client.release(true);
  }
});
