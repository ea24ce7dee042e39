import { rmSync } from 'node:fs';
import { CLUSTER_VARIABLE } from './own-server';

/** Ends the server that global-setup.ts started; one that DATABASE_URL named is left alone. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.questTestPostgres?.stop();
  const cluster = process.env[CLUSTER_VARIABLE];
  if (cluster) rmSync(cluster, { recursive: true, force: true });
}
