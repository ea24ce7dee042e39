import { post } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Runtime, type RuntimeOptions, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { startTokenMint, type TokenMint } from '../support/tokens';

/** Services read RTDB only where it is the one which the database mirrors. */

const TODAY = new Date().toISOString().slice(0, 10);
const OTHER = 'other-default-rtdb';
const BOTH = /mirrors the RTDB other-default-rtdb of an emulator.*demo-quests-default-rtdb/;

let database: TestDatabase;
let rtdb: StandinTree;
let mint: TokenMint;
let runtime: Runtime | undefined;

beforeAll(async () => {
  [database, rtdb, mint] = await Promise.all([
    cloneDatabase(),
    startStandinTree(),
    startTokenMint(),
  ]);
  await database.query('insert into mirror.identity (instance, host) values ($1, $2)', [
    OTHER,
    'emulator',
  ]);
});

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
});

afterAll(async () => {
  await Promise.all([rtdb.standin.stop(), mint.stop()]);
  await database.drop();
});

async function start(target: NonNullable<RuntimeOptions['target']>): Promise<Runtime> {
  runtime = await startRuntime({
    ...{ target, databaseUrl: database.url, rtdbHost: rtdb.standin.address },
    env: { SUPABASE_JWT_ISSUER: mint.supabaseIssuer },
  });
  return runtime;
}

const told = (running: Runtime) =>
  eventually(() => running.lines.find((line) => BOTH.test(line)) ?? null, {
    describe: 'a line that names both',
  });

async function nothingWritten(): Promise<void> {
  const [row] = await database.query(
    `select (select count(*) from mirror.readings) + (select count(*) from mirror.canaries)
       + (select count(*) from mirror.coverage) + (select count(*) from mirror.divergence_log) as n`,
  );
  expect(row).toEqual({ n: '0' });
  expect(await rtdb.rest.get([])).toBeNull();
}

test.each(['mirrorReconcile', 'mirrorCanary'] as const)(
  '%s fails with one line, and writes nothing to either store',
  async (target) => {
    const running = await start(target);
    expect(await post(running.url, {}, '')).toBe(500);
    await told(running);
    await nothingWritten();
  },
);

test('mirrorApi answers 503 to the read, with one line, and serves what reads no RTDB', async () => {
  const running = await start('mirrorApi');
  const headers = { authorization: `Bearer ${await mint.supabase('ann')}` };
  const path = `api/sync/daily-quests/completions?partner_id=bob&date=${TODAY}`;
  const read = await fetch(`${running.url}${path}`, { headers });
  expect(read.status).toBe(503);
  expect(await read.text()).not.toContain(OTHER);
  await told(running);
  expect((await fetch(`${running.url}api/healthz`)).status).toBe(200);
  await nothingWritten();
});
