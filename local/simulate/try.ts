import { startPostgres } from '../embedded-postgres';
import { Cleanups } from './cleanups';
import { createDatabase } from './scratch-database';
import { simulate } from './simulate';

(async () => {
  const c = new Cleanups();
  const server = await startPostgres();
  c.add(server.stop);
  const faults = new Set((process.argv[3] ?? '').split(',').filter(Boolean)) as never;
  const t = performance.now();
  try {
    const r = await simulate({
      request: {
        couples: Number(process.argv[2]),
        seed: 42,
        plan: { faults, rate: Number(process.argv[4] ?? 0.05) },
        dayMs: null,
        instances: 2,
      },
      databaseUrl: await createDatabase(server.url),
      server,
      cleanups: c,
    });
    console.log(JSON.stringify(r, null, 1), performance.now() - t);
  } finally {
    await c.run();
  }
})();
