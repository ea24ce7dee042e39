import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { applyMigrations } from '../../functions/src/cli/migrate/apply-migrations';
import type { LocalPostgres } from '../../local/embedded-postgres';
import { findFreePort } from '../../local/free-port';
import { completionEvent, send } from '../support/cloud-event';
import { startOwnServer } from '../support/own-server';
import { type Runtime, startRuntime } from '../support/runtime';

/** As the trigger is deployed. */
const CONCURRENCY = 80;
/** 50, 100, 200, 400 and five times 500 ms: the least that lies between ten connects. */
const LEAST_FOR_TEN_CONNECTS_MS = 3_250;
/** A connect that is on its way, the wait after it, and a connect of one's own: 5 + 1 + 5 s, and a busy machine. */
const LONGEST_FAILURE_MS = 20_000;
const BACKLOG = 2_000;
/** On this machine alone a statement is done before the next event is read. */
const SLOW_STATEMENTS = `
  create function slow() returns trigger language plpgsql as
    'begin perform pg_sleep(0.05); return null; end';
  create trigger slow after insert on rtdb.quest_completions
    for each statement execute function slow()`;

let runtime: Runtime;
let cleanUp: (() => Promise<void>) | undefined;
/** A test that ran out of time must not go on sending forever: its process would never end. */
let isOver = false;

beforeEach(() => {
  isOver = false;
});

afterEach(async () => {
  isOver = true;
  await runtime.stop();
  await cleanUp?.();
});

interface Listener {
  url: string;
  connects: number;
  open: number;
  mostOpen: number;
}

/** Something at Postgres' address that is no Postgres. */
async function listen(onConnect: (socket: Socket) => void): Promise<Listener> {
  const port = await findFreePort();
  const listener: Listener = {
    url: `postgres://postgres:x@127.0.0.1:${port}/postgres`,
    connects: 0,
    open: 0,
    mostOpen: 0,
  };
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    // Unread, the other side's end would not be noticed.
    socket.resume();
    listener.connects += 1;
    listener.open += 1;
    listener.mostOpen = Math.max(listener.mostOpen, listener.open);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      listener.open -= 1;
    });
    onConnect(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  cleanUp = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return listener;
}

/** Between a sender's failure and its next try: still far less than what the platform waits. */
const AGAIN_MS = 150;

/** `CONCURRENCY` senders, each with an event of its own, while `goOn` says so. */
async function sendWhile(goOn: () => boolean): Promise<number[]> {
  const statuses: number[] = [];
  const sender = async (_: unknown, number: number) => {
    const event = completionEvent({ questId: `quest_${number}` });
    while (goOn() && !isOver) {
      statuses.push(await send(runtime.url, event));
      await delay(AGAIN_MS);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sender));
  return statuses;
}

test.each([1, 2])(
  'events that are delivered again at once do not make Postgres a connect each (%i connections)',
  async (connectionsMax) => {
    const listener = await listen((socket) => socket.destroy());
    runtime = await startRuntime({
      databaseUrl: listener.url,
      env: { DATABASE_POOL_MAX: String(connectionsMax) },
    });
    const startedAt = performance.now();
    const statuses = await sendWhile(() => listener.connects < 10 * connectionsMax);
    expect(performance.now() - startedAt).toBeGreaterThan(LEAST_FOR_TEN_CONNECTS_MS);
    expect(new Set(statuses)).toEqual(new Set([500]));
    expect(statuses.length).toBeGreaterThan(2 * CONCURRENCY);
  },
  60_000,
);

test('80 events that meet a silent Postgres share three connects, and fail within 20 s', async () => {
  const listener = await listen(() => {});
  runtime = await startRuntime({ databaseUrl: listener.url });
  const times = Array.from({ length: CONCURRENCY }, async (_, number) => {
    const startedAt = performance.now();
    const event = completionEvent({ questId: `quest_${number}` });
    const status = await send(runtime.url, event);
    return { status, elapsedMs: performance.now() - startedAt };
  });
  const answers = await Promise.all(times);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]));
  expect(Math.max(...answers.map(({ elapsedMs }) => elapsedMs))).toBeLessThan(LONGEST_FAILURE_MS);
  expect(listener.connects).toBeLessThanOrEqual(3);
  expect(listener.mostOpen).toBe(1);
}, 60_000);

/** A connection of its own each time: the server comes and goes. */
async function query<Row>(server: LocalPostgres, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** The most connections that the runtime had at once, as seen until `done`. */
async function mostSessions(server: LocalPostgres, done: Promise<unknown>): Promise<number> {
  let isDone = false;
  void done.finally(() => {
    isDone = true;
  });
  let most = 0;
  // One connection for all looks: to open one takes Postgres longer than to answer.
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    while (!isDone && !isOver) {
      const { rows } = await client.query<{ n: number }>(
        `select count(*)::integer as n from pg_stat_activity where application_name = 'quest-mirror'`,
      );
      most = Math.max(most, rows[0]?.n ?? 0);
      await delay(20);
    }
  } finally {
    await client.end();
  }
  return most;
}

test('a backlog drains over one connection, in a fraction of a statement an event', async () => {
  const server = await startOwnServer();
  cleanUp = () => server.stop();
  const directory = join(__dirname, '..', '..', 'migrations');
  await applyMigrations({ databaseUrl: server.url, directory });
  await query(server, SLOW_STATEMENTS);
  runtime = await startRuntime({ databaseUrl: server.url });
  await server.kill();
  let failed = 0;
  const failing = await sendWhile(() => {
    failed += 1;
    return failed < 5 * CONCURRENCY;
  });
  expect(new Set(failing)).toEqual(new Set([500]));

  await server.start();
  const events = Array.from({ length: BACKLOG }, (_, number) =>
    completionEvent({ coupleId: `ann${number}_zed`, userId: 'zed' }),
  );
  const sender = async () => {
    for (let event = events.pop(); event !== undefined; event = events.pop()) {
      // Less than a second: the gate has still to open.
      while (!isOver && (await send(runtime.url, event)) !== 204) await delay(AGAIN_MS);
    }
  };
  const drained = Promise.all(Array.from({ length: CONCURRENCY }, sender));
  const most = await mostSessions(server, drained);
  await drained;

  // Every statement is a transaction, and every row was inserted once.
  const [counts] = await query<{ rows: number; statements: number }>(
    server,
    `select count(*)::integer as rows, count(distinct xmin::text)::integer as statements
     from rtdb.quest_completions`,
  );
  expect(counts?.rows).toBe(BACKLOG);
  expect(counts?.statements).toBeLessThan(BACKLOG / 4);
  expect(most).toBe(1);
  // Beside the interval that the first migration opened.
  await expect(
    query(server, "select reason from mirror.coverage where reason <> 'flag_off'"),
  ).resolves.toEqual([{ reason: 'outage' }]);
}, 60_000);
