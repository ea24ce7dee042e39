import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { WorkerReport } from '../stores/worker-report';

const STORES = join(__dirname, '..', 'stores');

/** RTDB's REST API for so many couples, in a process of its own. */
export async function startRtdb(
  couples: number,
  server = 'rtdb-server',
  ...args: number[]
): Promise<{ port: number; stop(): void }> {
  const child = fork(join(STORES, `${server}.ts`), [couples, ...args].map(String));
  const { port } = await message<{ port: number }>(child);
  return { port, stop: () => child.disconnect() };
}

/** What a worker of bench/stores/ measured, in a process of its own. */
export function runWorker<Report = WorkerReport>(
  name: string,
  args: readonly string[],
  databaseUrl: string,
): Promise<Report> {
  const env = { ...process.env, QUEST_MIRROR_DATABASE_URL: databaseUrl };
  return message(fork(join(STORES, `${name}.ts`), args, { env }));
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (value) => resolve(value as T));
    child.once('exit', (code) => reject(new Error(`a bench process ended with ${code}`)));
  });
}
