import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../statistics';
import { HttpConnection } from './http-connection';
import type { LoadRequest, LoadResult } from './load-generator';
import { eventRequest, isUpdate } from './workload';

/** The load generator: a process of its own, told by messages from its parent. */
process.on('message', (request: LoadRequest) => {
  runRound(request).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

const SETTLE_MS = 100;

interface Round {
  request: LoadRequest;
  startedAt: number;
  sent: number;
  latenciesMs: number[];
  failures: Record<string, number>;
}

async function runRound(request: LoadRequest): Promise<LoadResult> {
  const connections = await Promise.all(
    Array.from({ length: request.concurrency }, () => HttpConnection.open(request.port)),
  );
  // A busy Node accepts about one connection a turn of its loop: all before the clock starts.
  await delay(SETTLE_MS);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const round: Round = { request, startedAt, sent: 0, latenciesMs: [], failures: {} };
  if (request.ratePerSecond === null) {
    await Promise.all(connections.map((connection) => sendClosed(connection, round)));
  } else {
    await sendOpen(connections, round, request.ratePerSecond);
  }
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of connections) connection.close();
  let updates = 0;
  for (let index = 0; index < round.sent; index += 1) {
    updates += isUpdate(request.workload, index) ? 1 : 0;
  }
  return {
    events: round.sent,
    updates,
    elapsedMs,
    eventsPerSecond: (round.sent / elapsedMs) * 1_000,
    p50Ms: percentile(round.latenciesMs, 0.5),
    p99Ms: percentile(round.latenciesMs, 0.99),
    failures: round.failures,
    generatorLoad: (user + system) / 1_000 / elapsedMs,
  };
}

function mayContinue({ request, startedAt, sent }: Round): boolean {
  return sent < request.maxEvents && performance.now() - startedAt < request.durationMs;
}

async function sendClosed(connection: HttpConnection, round: Round): Promise<void> {
  while (mayContinue(round)) await sendNext(connection, round, performance.now());
}

/** Events fall due at a steady rate; one that finds no free connection waits, and that counts. */
async function sendOpen(connections: HttpConnection[], round: Round, rate: number): Promise<void> {
  const { maxEvents, durationMs } = round.request;
  const total = Math.min(maxEvents, Math.round((rate * durationMs) / 1_000));
  const free = [...connections];
  const dueAt = (index: number) => round.startedAt + (index / rate) * 1_000;
  await new Promise<void>((resolve) => {
    const timer = setInterval(dispatch, 1);
    function dispatch(): void {
      while (free.length > 0 && round.sent < total && dueAt(round.sent) <= performance.now()) {
        const connection = free.pop() as HttpConnection;
        void sendNext(connection, round, dueAt(round.sent)).then(() => {
          free.push(connection);
          dispatch();
        });
      }
      if (round.sent < total || free.length < connections.length) return;
      clearInterval(timer);
      resolve();
    }
  });
}

async function sendNext(connection: HttpConnection, round: Round, dueAt: number): Promise<void> {
  const index = round.sent;
  round.sent += 1;
  const { workload, roundId } = round.request;
  try {
    const status = await connection.send(eventRequest(workload, roundId, index));
    if (status < 200 || status > 299) count(round.failures, String(status));
  } catch {
    count(round.failures, 'error');
  }
  round.latenciesMs.push(performance.now() - dueAt);
}

function count(failures: Record<string, number>, what: string): void {
  failures[what] = (failures[what] ?? 0) + 1;
}
