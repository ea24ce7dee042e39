import { type CloudEvent, completionEvent, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions, divergences, emptyTables } from '../support/mirror-tables';
import { PGBOUNCER, type Pgbouncer, startPgbouncer } from '../support/pgbouncer';
import {
  asModel,
  deliverUntilAcknowledged,
  randomHistory,
  seededRandom,
} from '../support/redelivery';
import { type Runtime, startRuntime } from '../support/runtime';

const POOL_SIZE = 2;

const describeWithPooler = PGBOUNCER === null ? describe.skip : describe;

// In the name, so that whoever sees the skipped tests sees how to run them.
const name = 'through pgbouncer in transaction mode (where missing: apt-get install pgbouncer)';

describeWithPooler(name, () => {
  let database: TestDatabase;
  let pooler: Pgbouncer;
  let runtimes: Runtime[];

  beforeAll(async () => {
    database = await cloneDatabase();
    pooler = await startPgbouncer(database.url, POOL_SIZE);
    const start = (env: Record<string, string>) => startRuntime({ databaseUrl: pooler.url, env });
    runtimes = await Promise.all([start({}), start({}), start({ DATABASE_POOL_MAX: '3' })]);
  });

  afterAll(async () => {
    await Promise.all((runtimes ?? []).map((runtime) => runtime.stop()));
    await pooler?.stop();
    await database?.drop();
  });

  beforeEach(() => emptyTables(database));

  const toAny = (random: () => number) => (event: CloudEvent) =>
    send(runtimes[Math.floor(random() * runtimes.length)]?.url ?? '', event);

  test('more instances than server connections write everything right, with no failure', async () => {
    const random = seededRandom(41);
    const history = randomHistory(80, 6, random);
    const { statuses } = await deliverUntilAcknowledged(history.events, {
      random,
      concurrency: 90,
      send: toAny(random),
    });
    expect(runtimes.flatMap((runtime) => runtime.errors())).toEqual([]);
    expect([...statuses.keys()]).toEqual([204]);
    expect(asModel(await completions(database))).toEqual(history.finalRows);
    const sessions = await database.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'quest-mirror'`,
    );
    expect(sessions.length).toBeGreaterThan(0);
    expect(sessions.length).toBeLessThanOrEqual(POOL_SIZE);
  });

  // The pooler forwards a statement in pieces once it is larger than its buffer. One that is sent
  // behind another on the same connection can then end up split between two server connections:
  // "invalid frontend message type", or the answer to somebody else's statement.
  test('statements larger than its buffer reach one server connection each', async () => {
    const note = 'x'.repeat(3_000);
    const events = Array.from({ length: 600 }, (_, index) => {
      const after = { completedAt: 1763553600000, note: `${index} ${note}` };
      return completionEvent({ questId: `quest_${index}`, after });
    });
    const { statuses } = await deliverUntilAcknowledged(events, {
      random: seededRandom(42),
      concurrency: 120,
      duplicates: 0,
      send: toAny(seededRandom(44)),
    });
    expect(runtimes.flatMap((runtime) => runtime.errors())).toEqual([]);
    expect([...statuses.keys()]).toEqual([204]);
    const rows = await completions(database);
    const mixedUp = rows.filter((row) => {
      const { note: kept } = row.payload as { note: string };
      return `quest_${kept.split(' ')[0]}` !== row.quest_id;
    });
    expect(rows).toHaveLength(600);
    expect(mixedUp).toEqual([]);
  });

  test('refusals, stale events and overwrites are recorded through it as well', async () => {
    const [runtime] = runtimes;
    const url = runtime?.url ?? '';
    const leaf = { coupleId: 'ann_zed', userId: 'ann' };
    const writes = [
      completionEvent({ ...leaf, time: '2025-11-19T12:30:00Z' }),
      completionEvent({ ...leaf, time: '2025-11-19T12:10:00Z', after: { completedAt: 1 } }),
      completionEvent({ ...leaf, questId: 'q2', after: 'nonsense' }),
      completionEvent({ ...leaf, questId: 'q3', time: '2025-11-19T12:30:00Z' }),
      completionEvent({
        ...leaf,
        questId: 'q3',
        before: true,
        after: null,
        time: '2025-11-19T12:40:00Z',
        authtype: 'app_user',
        authid: 'zed',
      }),
    ];
    for (const event of writes) await expect(send(url, event)).resolves.toBe(204);
    const kinds = (await divergences(database)).map((row) => row.kind);
    expect(kinds.sort()).toEqual(['ancestor_overwrite', 'invalid_payload', 'out_of_order']);
  });

  test('a row lock times out alone, and the setting does not outlive its statement', async () => {
    const url = runtimes[0]?.url ?? '';
    await send(url, completionEvent({ questId: 'locked', time: '2025-11-18T00:00:00Z' }));
    const holder = await database.pool.connect();
    try {
      await holder.query('begin');
      await holder.query(`select from rtdb.quest_completions where quest_id = 'locked' for update`);
      const locked = send(url, completionEvent({ questId: 'locked' }));
      await expect(send(url, completionEvent({ questId: 'free' }))).resolves.toBe(204);
      await expect(locked).resolves.toBe(500);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await expect(send(url, completionEvent({ questId: 'locked' }))).resolves.toBe(204);
  });

  test('a pooler killed and started again while events flow loses nothing', async () => {
    const random = seededRandom(43);
    const history = randomHistory(60, 6, random);
    let restarts: Promise<void> = Promise.resolve();
    const restart = async (): Promise<void> => {
      await pooler.kill();
      await pooler.start();
    };
    const { statuses } = await deliverUntilAcknowledged(history.events, {
      random,
      send: toAny(random),
      onAcknowledged: (count) => {
        if (count === 60 || count === 250) restarts = restarts.then(restart);
      },
    });
    await restarts;
    expect([...statuses.keys()].filter((status) => ![204, 500].includes(status))).toEqual([]);
    expect(asModel(await completions(database))).toEqual(history.finalRows);
  }, 60_000);
});
