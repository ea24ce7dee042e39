import { get as httpGet } from 'node:http';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { peakMegabytes } from '../support/memory';
import { type Runtime, startRuntime } from '../support/runtime';

/** Exports of a log that is larger than the instance's memory. */

/** 50,000 for the evidence; fewer each time. */
const ROWS = Number(process.env.EXPORT_ROWS ?? 15_000);
/** Of two bytes each. */
const VALUE_CHARS = 1_500;

let database: TestDatabase;
let runtime: Runtime;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.query(
    `insert into mirror.divergence_log
       (path, ref, shard, kind, cause, severity, detected_by, rtdb_value)
     select 'quest_completions', 'ref_' || n, 'a_b', 'value_mismatch', 'unknown', 'error', 'reconciler',
       to_jsonb(repeat('é', ${VALUE_CHARS}))
     from generate_series(1, ${ROWS}) as n`,
  );
  runtime = await startRuntime({
    ...{ target: 'mirrorDashboard', databaseUrl: database.url },
    // A heap that the whole would fill twice; the instance has 256 MiB in all.
    env: { FUNCTIONS_EMULATOR: 'true', NODE_OPTIONS: '--max-old-space-size=160' },
  });
  // Loaded and warm.
  await (await fetch(`${runtime.url}?state=all&export=csv&kind=out_of_order`)).text();
});

afterAll(async () => {
  await runtime?.stop();
  await database?.drop();
});

/** Bytes and lines of an export, none of it kept. */
async function measure(address: string): Promise<{ bytes: number; lines: number }> {
  const { body, status } = await fetch(`${runtime.url}${address}`);
  expect(status).toBe(200);
  let bytes = 0;
  let lines = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) lines += 1;
  }
  return { bytes, lines };
}

test(`${ROWS} rows of 3 KB are exported within 100 MB`, async () => {
  const before = peakMegabytes(runtime.pid);
  const { bytes, lines } = await measure('?state=all&export=csv');
  expect(lines).toBe(ROWS + 1);
  expect(bytes).toBeGreaterThan(ROWS * VALUE_CHARS * 2);
  const grownMb = peakMegabytes(runtime.pid) - before;
  if (process.env.EXPORT_ROWS) process.stderr.write(`export: ${Math.round(grownMb)} MB more\n`);
  expect(grownMb).toBeLessThan(100);
}, 120_000);

test('a reader who takes nothing, or goes away, ends the work', async () => {
  const working = async () => {
    const [row] = await database.query<{ read: string }>(
      `select sum(idx_tup_fetch + seq_tup_read)::text as read from pg_stat_user_tables
       where relname = 'divergence_log'`,
    );
    return row?.read ?? '';
  };
  const before = peakMegabytes(runtime.pid);
  await new Promise<void>((resolve) => {
    const asked = httpGet(`${runtime.url}?state=all&export=json`, (response) => {
      // The first bytes, and then none for a while.
      response.once('readable', () => setTimeout(() => asked.destroy(), 500));
      response.once('close', resolve).on('error', () => {});
    });
    asked.on('error', () => {});
  });
  expect(peakMegabytes(runtime.pid) - before).toBeLessThan(100);
  // Postgres reports what was read with a delay of a second.
  let last = '';
  await eventually(
    async () => {
      const now = await working();
      const isStill = now === last;
      last = now;
      return isStill || null;
    },
    { describe: 'the export to stop reading', timeoutMs: 20_000, intervalMs: 1_500 },
  );
  expect((await fetch(`${runtime.url}?state=all&export=csv&kind=out_of_order`)).status).toBe(200);
}, 60_000);

test.each(['constructor', '__proto__', 'toString', 'xml', ''])(
  'there is no export named %j',
  async (name) => {
    const response = await fetch(`${runtime.url}?export=${name}`);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('csv or json\n');
  },
);
