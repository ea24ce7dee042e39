import { Client, type ClientConfig } from 'pg';
import { backendOf, isDirect } from '../../postgres/pipelined-connection';

export type PoolerMode = 'direct' | 'transaction' | 'session';

const LOOKS = 20;

/**
 * What stands between us and the server. In session mode two open connections never share a backend; in
 * transaction mode they do as soon as one is idle. Nothing is set that could outlive the connection.
 */
export async function probePooler(config: ClientConfig): Promise<PoolerMode> {
  const [first, second] = [new Client(config), new Client(config)];
  for (const client of [first, second]) client.on('error', () => {});
  try {
    await first.connect();
    if (await isDirect(first)) return 'direct';
    await second.connect();
    for (let look = 0; look < LOOKS; look += 1) {
      if ((await backendOf(first)) === (await backendOf(second))) return 'transaction';
    }
    return 'session';
  } finally {
    await Promise.allSettled([first.end(), second.end()]);
  }
}
