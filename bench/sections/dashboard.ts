import { Client } from 'pg';
import { ReadOnlyTransactions } from '../../functions/src/postgres/read-only-transactions';
import type { Context } from '../context';
import { median } from '../statistics';
import * as dataset from '../stores/dashboard-dataset';
import { DASHBOARD_QUESTIONS } from '../stores/dashboard-questions';

export interface DashboardRow {
  /** The part of the page that is read. */
  contender: string;
  medianMs: number;
  maxMs: number;
  /** The slowest statement among those that the question asks, in the median round. */
  slowestStatementMs: number;
  problems: string[];
}

const NAME = 'bench_dashboard';
const COMPLETIONS = 10_000_000;
const DIVERGENCES = 100_000;
const COUPLES = 1_000_000;
const ROUNDS = 15;

/** How long each part of the page takes to read, with millions of completions behind it. */
export async function measureDashboard({ databases, say }: Context): Promise<DashboardRow[]> {
  await databases.create(NAME);
  try {
    await seed(databases.url(NAME), say);
    const transactions = new ReadOnlyTransactions({ connectionString: databases.url(NAME) }, 1);
    try {
      const rows: DashboardRow[] = [];
      for (const question of DASHBOARD_QUESTIONS) rows.push(await ask(question, transactions));
      return rows;
    } finally {
      await transactions.close();
    }
  } finally {
    await databases.drop(NAME);
  }
}

async function seed(url: string, say: Context['say']): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("select set_config('mirror.writer', 'on', false)");
    await client.query('truncate rtdb.quest_completions');
    say(`dashboard: ${COMPLETIONS} completions, some minutes`);
    await client.query(dataset.DROP_KEY);
    await client.query(dataset.SEED_COMPLETIONS, [COMPLETIONS]);
    await client.query(dataset.ADD_KEY);
    await client.query(dataset.SEED_DIVERGENCES, [DIVERGENCES]);
    say(`dashboard: readings of ${COUPLES} couples by every path`);
    await client.query(dataset.DROP_INDEXES_OF_READINGS);
    await client.query(dataset.SEED_READINGS, [COUPLES]);
    await client.query(dataset.ADD_INDEXES_OF_READINGS);
    await client.query(dataset.SEED_PROOF);
    await client.query(dataset.SEED_HOURS);
    await client.query(dataset.SEED_COVERAGE);
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

async function ask(
  [question, read]: (typeof DASHBOARD_QUESTIONS)[number],
  transactions: ReadOnlyTransactions,
): Promise<DashboardRow> {
  const times: number[] = [];
  const slowest: number[] = [];
  for (let round = -2; round < ROUNDS; round += 1) {
    let slowestMs = 0;
    const startedAt = performance.now();
    await transactions.read((statements) =>
      read({
        async run(text, values) {
          const askedAt = performance.now();
          const rows = await statements.run(text, values);
          slowestMs = Math.max(slowestMs, performance.now() - askedAt);
          return rows;
        },
      }),
    );
    // Two rounds to warm up: what is read once is in memory then.
    if (round < 0) continue;
    times.push(performance.now() - startedAt);
    slowest.push(slowestMs);
  }
  return {
    contender: question,
    medianMs: median(times),
    maxMs: Math.max(...times),
    slowestStatementMs: median(slowest),
    problems: [],
  };
}
