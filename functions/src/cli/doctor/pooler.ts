import { Client, type ClientConfig } from 'pg';

export type PoolerMode = 'direct' | 'transaction' | 'session';

const LOOKS = 20;

/**
 * What stands between us and the server. A server announces the process id of its backend, a pooler
 * one of its own. In session mode two open connections never share a backend; in transaction mode
 * they do as soon as one is idle. Nothing is set that could outlive the connection.
 */
export async function probePooler(config: ClientConfig): Promise<PoolerMode> {
  const [first, second] = [new Client(config), new Client(config)];
  for (const client of [first, second]) client.on('error', () => {});
  try {
    await first.connect();
    const announced = (first as Client & { processID?: number | null }).processID;
    if ((await backendOf(first)) === announced) return 'direct';
    await second.connect();
    for (let look = 0; look < LOOKS; look += 1) {
      if ((await backendOf(first)) === (await backendOf(second))) return 'transaction';
    }
    return 'session';
  } finally {
    await Promise.allSettled([first.end(), second.end()]);
  }
}

async function backendOf(client: Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid;
}
