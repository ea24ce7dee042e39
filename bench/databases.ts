import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { type LocalPostgres, startPostgres } from '../local/embedded-postgres';
import type { Kind } from './load/workload';

/** Of this working tree. */
export const MIGRATIONS = join(__dirname, '..', 'migrations');

/** Rows that stand in the table before the first round: an index of some depth, as in production. */
export const SEED_ROWS = 100_000;

const SEED_COMPLETIONS = `
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

/** Small ones: what matters is the depth of the index. */
const SEED_DOCUMENTS = `
insert into rtdb.you_or_me_sessions (
  couple_id, session_id, user_id, partner_id, status, payload, origin, event_id, event_time
)
select
  left(hash, 28) || '_' || right(hash, 28), 'youorme_' || n,
  left(hash, 28), right(hash, 28), 'completed', '{"status": "completed"}', 'rtdb', 'seed-' || n, now()
from generate_series(1, $1::integer) as n
cross join lateral (select encode(sha256(n::text::bytea), 'hex') as hash) as h
`;

const COUNT_ROUND: Readonly<Record<Kind, string>> = {
  completions: `
    select count(*) as rows, count(*) filter (where event_id like '%-u') as updated
    from rtdb.quest_completions
    where event_id like $1`,
  // The second write of a session ends it.
  documents: `
    select
      count(*) as rows,
      count(*) filter (
        where event_id like '%-u'
          and payload ->> 'status' = 'completed'
          and jsonb_array_length(payload -> 'questions') > 1
      ) as updated
    from rtdb.you_or_me_sessions
    where event_id like $1`,
};

/** One real server; each contender has a database of its own, so that its traffic can be told. */
export class Databases {
  /** Migrated and seeded databases to copy, by the folder of their migrations. */
  readonly #templates = new Map<string, string>();

  private constructor(
    private readonly server: LocalPostgres,
    private readonly admin: Client,
  ) {}

  static async start(onProgress: (line: string) => void): Promise<Databases> {
    const server = await startPostgres({ onProgress });
    try {
      return new Databases(server, await connected(server.url));
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get port(): number {
    return this.server.port;
  }

  /**
   * A fresh, migrated and seeded database.
   *
   * @param migrations the folder of those it gets: older code has older ones
   */
  async create(name: string, migrations = MIGRATIONS): Promise<void> {
    const template = await this.#template(migrations);
    await this.admin.query(`drop database if exists ${name} with (force)`);
    await this.admin.query(`create database ${name} template ${template}`);
  }

  async #template(migrations: string): Promise<string> {
    const made = this.#templates.get(migrations);
    if (made !== undefined) return made;
    const template = `bench_template_${this.#templates.size}`;
    await this.admin.query(`create database ${template}`);
    await prepareTemplate(this.url(template), migrations);
    this.#templates.set(migrations, template);
    return template;
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
  async countRound(
    name: string,
    kind: Kind,
    roundId: string,
  ): Promise<{ rows: number; updated: number }> {
    const client = await connected(this.url(name));
    try {
      const { rows } = await client.query<{ rows: string; updated: string }>(COUNT_ROUND[kind], [
        `${roundId}-%`,
      ]);
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

async function prepareTemplate(url: string, migrations: string): Promise<void> {
  const client = await connected(url);
  try {
    for (const file of readdirSync(migrations)
      .filter((name) => name.endsWith('.sql'))
      .sort()) {
      await client.query('begin');
      await client.query(readFileSync(join(migrations, file), 'utf8'));
      await client.query('commit');
    }
    // Without it each row would be noted as a direct write.
    await client.query("set mirror.writer = 'on'");
    await client.query(SEED_COMPLETIONS, [SEED_ROWS]);
    if (await hasDocuments(client)) await client.query(SEED_DOCUMENTS, [SEED_ROWS]);
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

/** Older migrations have completions alone. */
async function hasDocuments(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    "select to_regclass('rtdb.you_or_me_sessions') is not null as found",
  );
  return rows[0]?.found === true;
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
