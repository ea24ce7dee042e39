import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below what systems hand out by themselves (from 32768 on Linux, 49152 elsewhere): a port stays free
 * until whoever asked for it listens there, which the emulators do ten seconds later. And above 10080,
 * which browsers and fetch refuse.
 */
const FIRST_PORT = 11_000;
const LAST_PORT = 32_767;
const TRIES = 100;

/** What this process was given, and may not have begun to listen on. */
const given = new Set<number>();

/** Whether this process could listen on the port right now. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port nobody listens on, by chance, so that concurrent callers get different ones. */
export async function findFreePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (given.has(port)) continue;
    given.add(port);
    if (await isPortFree(port, host)) return port;
  }
  throw new Error(`No free port was found between ${FIRST_PORT} and ${LAST_PORT}.`);
}
