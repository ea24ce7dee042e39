import {
  ADD_INDEXES_OF_READINGS,
  ADD_KEY,
  DROP_INDEXES_OF_READINGS,
  DROP_KEY,
  SEED_COMPLETIONS,
  SEED_COVERAGE,
  SEED_DIVERGENCES,
  SEED_HOURS,
  SEED_PROOF,
  SEED_READINGS,
} from '../../bench/stores/dashboard-dataset';
import { DASHBOARD_QUESTIONS } from '../../bench/stores/dashboard-questions';
import { readStory } from '../../functions/src/dashboard/read-story';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { ReadOnlyTransactions } from '../../functions/src/postgres/read-only-transactions';
import type { Statements } from '../../functions/src/postgres/statements';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { cloneDatabase, type TestDatabase } from '../support/database';

/** Enough for the planner to think as it does with millions. */
const COMPLETIONS = 200_000;
const DIVERGENCES = 20_000;
const COUPLES = 15_000;

let database: TestDatabase;
let transactions: ReadOnlyTransactions;

beforeAll(async () => {
  database = await cloneDatabase();
  const client = await database.pool.connect();
  try {
    // As the mirror's own writes: the guard against others logs each row.
    await client.query("select set_config('mirror.writer', 'on', false)");
    await client.query(DROP_KEY);
    await client.query(SEED_COMPLETIONS, [COMPLETIONS]);
    await client.query(ADD_KEY);
    await client.query(SEED_DIVERGENCES, [DIVERGENCES]);
    await client.query(DROP_INDEXES_OF_READINGS);
    await client.query(SEED_READINGS, [COUPLES]);
    await client.query(ADD_INDEXES_OF_READINGS);
    for (const seed of [SEED_PROOF, SEED_HOURS, SEED_COVERAGE]) await client.query(seed);
    await client.query('vacuum analyze');
  } finally {
    client.release(true);
  }
  transactions = new ReadOnlyTransactions({ connectionString: database.url }, 2);
}, 120_000);

afterAll(async () => {
  await transactions.close();
  await database.drop();
});

/** Runs statements, and collects the plan of each as the server makes it. */
function explained(statements: Statements, plans: string[]): Statements {
  return {
    async run(text, values) {
      const rows = await statements.run(`explain (costs off) ${text}`, values);
      plans.push(rows.map((row) => Object.values(row as object)[0]).join('\n'));
      return statements.run(text, values);
    },
  };
}

/** Those of the plans that read all completions, or all readings. */
const readingThrough = (plans: string[]) =>
  plans.filter((plan) => /Seq Scan on (quest_completions|readings)/.test(plan));

/** How often a table was read through so far: functions have plans of their own, which nobody is shown. */
async function readThrough(): Promise<Record<string, string>> {
  await database.query('select pg_stat_force_next_flush()');
  const rows = await database.query<{ name: string; times: string }>(
    `select relname as name, seq_scan::text as times from pg_stat_user_tables
     where relname in ('quest_completions', 'readings') order by 1`,
  );
  return Object.fromEntries(rows.map(({ name, times }) => [name, times]));
}

test.each([...DASHBOARD_QUESTIONS])(
  '%s reads no table of completions through',
  async (_name, ask) => {
    const plans: string[] = [];
    await transactions.read((statements) => ask(explained(statements, plans)));
    expect(plans.length).toBeGreaterThan(0);
    expect(readingThrough(plans)).toEqual([]);
  },
);

test('a round counts an hour, and none of it reads the completions through', async () => {
  const before = await readThrough();
  await database.query("select mirror.count_figures('quest_completions', array['x'], 3)");
  const { quest_completions: times } = await readThrough();
  expect(times).toBe(before.quest_completions);
  const [counted] = await database.query<{ live: number; ages: string }>(
    `select h.live, (select sum(n) from unnest(a.by_hours) as n)::text as ages
     from mirror.hourly_arrivals as h, mirror.reading_ages as a
     where h.path = 'quest_completions' and a.path = h.path and h.hour = date_trunc('hour', now(), 'UTC')`,
  );
  expect(counted?.ages).toBe(String(COUPLES));
});

test.each([...DASHBOARD_QUESTIONS])(
  "%s can be asked by the functions' login",
  async (_name, ask) => {
    await transactions.read(async (statements) => {
      await statements.run('set local role quest_mirror_writer', []);
      await ask(statements);
    });
  },
);

test('a story reads none through either', async () => {
  const plans: string[] = [];
  const story = await readStory(DIVERGENCES, {
    paths: [questCompletions],
    times: PROOF_TIMES,
    retentionDays: 0,
    readRtdb: async () => null,
    transactions: {
      read: (work) => transactions.read((statements) => work(explained(statements, plans))),
    },
  });
  expect(story.kind).toBe('whole');
  expect(readingThrough(plans)).toEqual([]);
});

test('a reader can not write, and does not wait or run for long', async () => {
  const asked = transactions.read((statements) =>
    statements.run('delete from rtdb.quest_completions', []),
  );
  await expect(asked).rejects.toMatchObject({ code: '25006' });
  const slow = transactions.read((statements) => statements.run('select pg_sleep(30)', []));
  await expect(slow).rejects.toMatchObject({ code: '57014' });
});

test('the writer is not held up by a reader that is in the middle of it', async () => {
  await transactions.read(async (statements) => {
    await statements.run('select count(*) from rtdb.quest_completions', []);
    const written = await database.query(
      "update rtdb.quest_completions set payload = 'false' where user_id = 'u0007919' returning 1",
    );
    expect(written).toHaveLength(1);
    const seen = await statements.run(
      "select from rtdb.quest_completions where user_id = 'u0007919' and payload = 'false'",
      [],
    );
    // One snapshot: what is written meanwhile is not half of the page.
    expect(seen).toEqual([]);
  });
});
