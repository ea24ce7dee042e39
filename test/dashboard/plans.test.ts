import {
  ADD_KEY,
  DROP_KEY,
  SEED_COMPLETIONS,
  SEED_COVERAGE,
  SEED_DIVERGENCES,
  SEED_HOURS,
  SEED_RUNS,
} from '../../bench/stores/dashboard-dataset';
import { DASHBOARD_QUESTIONS } from '../../bench/stores/dashboard-questions';
import { readStory } from '../../functions/src/completions-only/dashboard/read-story';
import { readTrends } from '../../functions/src/completions-only/dashboard/read-trends';
import { COUNT_HOUR } from '../../functions/src/completions-only/postgres/hourly-arrivals';
import { ReadOnlyTransactions } from '../../functions/src/postgres/read-only-transactions';
import type { Statements } from '../../functions/src/postgres/statements';
import { cloneDatabase, type TestDatabase } from '../support/database';

/** Enough for the planner to think as it does with millions. */
const COMPLETIONS = 200_000;
const DIVERGENCES = 20_000;

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
    for (const seed of [SEED_RUNS, SEED_HOURS, SEED_COVERAGE]) await client.query(seed);
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

/** Those of the plans that read all completions. */
const readingThrough = (plans: string[]) =>
  plans.filter((plan) => /Seq Scan on quest_completions/.test(plan));

test.each([...DASHBOARD_QUESTIONS])(
  '%s reads no table of completions through',
  async (_name, ask) => {
    const plans: string[] = [];
    await transactions.read((statements) => ask(explained(statements, plans)));
    expect(plans.length).toBeGreaterThan(0);
    expect(readingThrough(plans)).toEqual([]);
  },
);

test('without the index by arrival the charts would read it through: a control', async () => {
  const plans: string[] = [];
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('drop index rtdb.quest_completions_mirrored_at');
    const run = async (text: string, values: unknown[]) => (await client.query(text, values)).rows;
    await readTrends(explained({ run }, plans), '24h');
  } finally {
    await client.query('rollback');
    client.release();
  }
  expect(readingThrough(plans)).not.toEqual([]);
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

test('a story and the count of an hour that a run makes read none through either', async () => {
  const plans: string[] = [];
  const story = await readStory(DIVERGENCES, {
    rtdb: { readLeaf: async () => null },
    transactions: {
      read: (work) => transactions.read((statements) => work(explained(statements, plans))),
    },
  });
  expect(story.kind).toBe('whole');
  const hour = new Date(Date.now() - 5 * 3_600_000).toISOString();
  const count = await database.query<{ 'QUERY PLAN': string }>(`explain ${COUNT_HOUR}`, [
    hour,
    'canary_canary-partner',
  ]);
  plans.push(count.map((row) => row['QUERY PLAN']).join('\n'));
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
