import { join } from 'node:path';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { completionEvent, send } from '../support/cloud-event';
import { eventually } from '../support/eventually';
import {
  type CompletionRow,
  completions,
  emptyTables,
  type Queryable,
} from '../support/mirror-tables';
import { startOwnServer } from '../support/own-server';
import {
  asModel,
  deliverUntilAcknowledged,
  randomHistory,
  seededRandom,
} from '../support/redelivery';
import { type Runtime, startRuntime } from '../support/runtime';

/** Connecting may take 5 s, a statement 10 s and its one repetition as long again. */
const ANSWER_LIMIT_MS = 25_000;
const SENDERS = 40;

let server: LocalPostgres;
let runtime: Runtime | undefined;
let dataOfServer: Queryable;

beforeAll(async () => {
  server = await startOwnServer();
  const directory = join(__dirname, '..', '..', 'migrations');
  await applyMigrations({ databaseUrl: server.url, directory });
  dataOfServer = { query };
}, 60_000);

afterAll(async () => {
  await runtime?.stop();
  await server?.stop();
});

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
  await emptyTables(dataOfServer);
  await query('truncate mirror.coverage');
});

/** A connection of its own each time: the server comes and goes. */
async function query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: server.url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

const rows = (): Promise<CompletionRow[]> => completions(dataOfServer);

let sendersWaiting = 0;

const interruptions: Record<string, () => Promise<void>> = {
  'killed and started again': async () => {
    await server.kill();
    await server.start();
  },
  'stopped and started again': async () => {
    process.kill(server.pid, 'SIGINT');
    await eventually(() => !isRunning(), { describe: 'Postgres to stop' });
    await server.start();
  },
  'frozen until every sender waits': async () => {
    const pids = [server.pid, ...(await sessions())];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await eventually(() => sendersWaiting === SENDERS, { describe: 'all senders to wait' });
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  },
};

function isRunning(): boolean {
  try {
    return server.pid > 0;
  } catch {
    return false;
  }
}

async function sessions(): Promise<number[]> {
  const found = await query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'quest-mirror'`,
  );
  return found.map(({ pid }) => pid);
}

test.each(Object.entries(interruptions))(
  'events that flow while Postgres is %s end in the right rows, none lost',
  async (_name, interrupt) => {
    runtime = await startRuntime({ databaseUrl: server.url });
    const { url } = runtime;
    const random = seededRandom(23);
    const history = randomHistory(60, 6, random);
    const begun: Promise<void>[] = [];
    const { statuses } = await deliverUntilAcknowledged(history.events, {
      random,
      concurrency: SENDERS,
      send: async (event) => {
        sendersWaiting += 1;
        return send(url, event).finally(() => {
          sendersWaiting -= 1;
        });
      },
      onAcknowledged: (count) => {
        // One at a time: the second begins when the first is over.
        if (count === 60 || count === 250) {
          begun.push((begun.at(-1) ?? Promise.resolve()).then(interrupt));
        }
      },
    });
    await Promise.all(begun);
    expect(begun).toHaveLength(2);
    expect([...statuses.keys()].filter((status) => ![204, 500].includes(status))).toEqual([]);
    expect(asModel(await rows())).toEqual(history.finalRows);
  },
  60_000,
);

test('while nothing listens, an event is refused at once and taken when Postgres is back', async () => {
  runtime = await startRuntime({ databaseUrl: server.url });
  const event = completionEvent();
  await server.kill();
  const startedAt = Date.now();
  await expect(send(runtime.url, event)).resolves.toBe(500);
  expect(Date.now() - startedAt).toBeLessThan(6_000);
  await server.start();
  await expect(send(runtime.url, event)).resolves.toBe(204);
  await expect(rows()).resolves.toHaveLength(1);
  const gaps = await query<{ reason: string; detail: unknown; is_over: boolean }>(
    "select reason, detail, to_at > from_at as is_over from mirror.coverage where reason <> 'flag_off'",
  );
  // The event's statement, and the instance's note that it sees the flag on.
  expect(gaps).toEqual([{ reason: 'outage', detail: { failures: 2 }, is_over: true }]);
  const { password } = new URL(server.url);
  const secrets = [password, 'alice_bob_smith'];
  expect(runtime.lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual(
    [],
  );
}, 30_000);

test('a server that accepts and never answers fails events in time, and recovers', async () => {
  runtime = await startRuntime({ databaseUrl: server.url });
  const { url } = runtime;
  const event = completionEvent();
  // Frozen before the first connection: the postmaster forks nobody.
  process.kill(server.pid, 'SIGSTOP');
  const startedAt = Date.now();
  try {
    await expect(send(url, event)).resolves.toBe(500);
    expect(Date.now() - startedAt).toBeLessThan(ANSWER_LIMIT_MS);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await expect(send(url, event)).resolves.toBe(204);
  await expect(rows()).resolves.toHaveLength(1);
}, 40_000);

test('a session frozen amid a statement fails its events in time, and others recover', async () => {
  runtime = await startRuntime({ databaseUrl: server.url });
  const { url } = runtime;
  await expect(send(url, completionEvent({ questId: 'first' }))).resolves.toBe(204);
  const [pid = 0] = await sessions();
  expect(pid).toBeGreaterThan(0);
  process.kill(pid, 'SIGSTOP');
  const startedAt = Date.now();
  try {
    const second = completionEvent({ questId: 'second' });
    const status = await send(url, second);
    expect(Date.now() - startedAt).toBeLessThan(ANSWER_LIMIT_MS);
    // The repetition on a new connection may do it; if it did not, a redelivery does.
    if (status !== 204) await expect(send(url, second)).resolves.toBe(204);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually(async () => {
    const quests = (await rows()).map((row) => row.quest_id);
    expect(quests).toEqual(['first', 'second']);
  });
}, 60_000);
