import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { type CloudEvent, completionEvent, send } from '../support/cloud-event';
import { emptyTables, type Queryable } from '../support/mirror-tables';
import { startOwnServer } from '../support/own-server';
import { type Runtime, startRuntime } from '../support/runtime';

const MB = 1024 * 1024;
/** Of any row of the books (docs/tables.md). */
const MAX_ROW_BYTES = 64 * 1024;
/** A write has to be kept once, in the row; the rest is what the server itself adds. */
const MAX_WAL_PER_INPUT = 3;

/** A server of its own: WAL is counted for a whole server, and other test files write too. */
let server: LocalPostgres;
let client: Client;
let tables: Queryable;
let instances: Runtime[];

beforeAll(async () => {
  server = await startOwnServer();
  const directory = join(__dirname, '..', '..', 'migrations');
  await applyMigrations({ databaseUrl: server.url, directory });
  client = new Client({ connectionString: server.url });
  await client.connect();
  tables = { query: async (text, values = []) => (await client.query(text, values)).rows };
  const start = () => startRuntime({ databaseUrl: server.url });
  instances = await Promise.all([start(), start()]);
}, 60_000);

afterAll(async () => {
  await Promise.all(instances?.map((instance) => instance.stop()) ?? []);
  await client?.end();
  await server?.stop();
});

beforeEach(() => emptyTables(tables));

/** Text of so many bytes that no compression shortens. */
const text = (bytes: number) => randomBytes(bytes).toString('hex').slice(0, bytes);
const at = (n: number) => new Date(Date.UTC(2026, 10, 20, 12, 0, n)).toISOString();

/** Overwrites of one leaf, each from the state that the last one left. */
function overwrites(count: number, bytes: number): CloudEvent[] {
  const value = () => ({ completedAt: 1_763_550_000_000, note: text(bytes) });
  const states = Array.from({ length: count + 1 }, value);
  return states
    .slice(1)
    .map((after, n) => completionEvent({ before: states[n] ?? null, after, time: at(n) }));
}

/** Delivers to the instances in turn; answers the statuses other than 204. */
async function deliver(events: CloudEvent[], width = 20): Promise<number[]> {
  const failed: number[] = [];
  const queue = [...events.entries()];
  const sender = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [n, event] = next;
      const status = await send((instances[n % 2] as Runtime).url, event);
      if (status !== 204) failed.push(status);
    }
  };
  await Promise.all(Array.from({ length: width }, sender));
  return failed;
}

async function walOf(work: () => Promise<unknown>): Promise<number> {
  await client.query('checkpoint');
  const lsn = async () =>
    (await client.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn')).rows[0]?.lsn;
  const from = await lsn();
  await work();
  const { rows } = await client.query('select pg_wal_lsn_diff($1, $2)::float8 as bytes', [
    await lsn(),
    from,
  ]);
  return rows[0].bytes;
}

/** The largest row of the log, as text. */
async function largestRow(): Promise<number> {
  const [row] = await tables.query<{ bytes: number }>(
    'select coalesce(max(octet_length(to_jsonb(log)::text)), 0) as bytes from mirror.divergence_log as log',
  );
  return row?.bytes ?? 0;
}

test('a large leaf that is overwritten again and again costs what it writes, and fails nobody', async () => {
  const events = overwrites(100, 200_000);
  let failed: number[] = [];
  const wal = await walOf(async () => {
    failed = await deliver(events);
  });
  expect(failed).toEqual([]);
  expect(wal).toBeLessThan(MAX_WAL_PER_INPUT * 20 * MB);
  expect(await largestRow()).toBeLessThan(MAX_ROW_BYTES);
}, 60_000);
