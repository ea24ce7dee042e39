import { setTimeout as delay } from 'node:timers/promises';
import type { LocalPostgres } from '../embedded-postgres';

/** Kills Postgres, as a crash does, and starts it again after so long. */
export async function causeOutage(server: LocalPostgres, durationMs: number): Promise<void> {
  await server.kill();
  await delay(durationMs);
  await server.start();
}
