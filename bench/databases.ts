import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { type LocalPostgres, startPostgres } from '../local/embedded-postgres';

const MIGRATIONS = join(__dirname, '..', 'migrations');
const TEMPLATE = 'bench_template';

/** Rows that stand in the table before the first round: an index of some depth, as in production. */
export const SEED_ROWS = 100_000;

const SEED = `
insert into rtdb.quest_completions (
  couple_id, date_key, quest_id, user_id, partner_id,
  completed_at, payload, origin, event_id, event_time
)
select
  left(hash, 28) || '_' || right(hash, 28), date '2026-11-01' + n % 20, 'quest_' || n || '_quiz',
  left(hash, 28), right(hash, 28), now(), 'true', 'rtdb', 'seed-' || n, now()
from generate_series(1, $1::integer) as n
cross join lateral (select encode(sha256(n::text::bytea), 'hex') as hash) as h
`;

/** One real server; each contender has a database of its own, so that its traffic can be told. */
export class Databases {
  private constructor(
    private readonly server: LocalPostgres,
    private readonly admin: Client,
  ) {}

  static async start(onProgress: (line: string) => void): Promise<Databases> {
    const server = await startPostgres({ onProgress });
    try {
      const admin = await connected(server.url);
      await admin.query(`create database ${TEMPLATE}`);
      await prepareTemplate(urlOf(server.url, TEMPLATE, server.port));
      return new Databases(server, admin);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get port(): number {
    return this.server.port;
  }

  /** A fresh, migrated and seeded database. */
  async create(name: string): Promise<void> {
    await this.admin.query(`drop database if exists ${name} with (force)`);
    await this.admin.query(`create database ${name} template ${TEMPLATE}`);
  }

  async drop(name: string): Promise<void> {
    await this.admin.query(`drop database if exists ${name} with (force)`);
  }

  /** The connection string of a database, through a proxy where there is one. */
  url(name: string, port = this.server.port): string {
    return urlOf(this.server.url, name, port);
  }

  /** The server processes behind a database's connections. */
  async backendPids(name: string): Promise<number[]> {
    const { rows } = await this.admin.query<{ pid: number }>(
      'select pid from pg_stat_activity where datname = $1 and backend_type = $2',
      [name, 'client backend'],
    );
    return rows.map(({ pid }) => pid);
  }

  /**
   * Transactions of a database. Every statement of every contender is a transaction of its own,
   * so this counts statements, without the cost of pg_stat_statements. Exact only once its
   * connections are closed: a backend reports when it is idle, or ends.
   */
  async transactionCount(name: string): Promise<number> {
    const { rows } = await this.admin.query<{ count: string }>(
      'select xact_commit + xact_rollback as count from pg_stat_database where datname = $1',
      [name],
    );
    return Number(rows[0]?.count);
  }

  /** What a round left: rows, and those that show the round's second write of a leaf. */
  async countRound(name: string, roundId: string): Promise<{ rows: number; updated: number }> {
    const client = await connected(this.url(name));
    try {
      const { rows } = await client.query<{ rows: string; updated: string }>(
        `select count(*) as rows, count(*) filter (where event_id like '%-u') as updated
        from rtdb.quest_completions
        where event_id like $1`,
        [`${roundId}-%`],
      );
      return { rows: Number(rows[0]?.rows), updated: Number(rows[0]?.updated) };
    } finally {
      await client.end();
    }
  }

  /** Milliseconds of one `select 1` by way of a port: what the proxy really adds. */
  async roundTripMs(port: number, samples = 30): Promise<number[]> {
    const client = await connected(this.url('postgres', port));
    const times: number[] = [];
    try {
      for (let sample = 0; sample < samples; sample += 1) {
        const startedAt = performance.now();
        await client.query('select 1');
        times.push(performance.now() - startedAt);
      }
    } finally {
      await client.end();
    }
    return times;
  }

  async stop(): Promise<void> {
    await this.admin.end();
    await this.server.stop();
  }
}

async function prepareTemplate(url: string): Promise<void> {
  const client = await connected(url);
  try {
    for (const file of readdirSync(MIGRATIONS)
      .filter((name) => name.endsWith('.sql'))
      .sort()) {
      await client.query('begin');
      await client.query(readFileSync(join(MIGRATIONS, file), 'utf8'));
      await client.query('commit');
    }
    await client.query(SEED, [SEED_ROWS]);
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  await client.connect();
  return client;
}

function urlOf(serverUrl: string, database: string, port: number): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  url.port = String(port);
  return url.href;
}
