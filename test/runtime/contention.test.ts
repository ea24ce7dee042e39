import { type CloudEvent, completionEvent, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { completions, divergences, emptyTables } from '../support/mirror-tables';
import { type Runtime, startRuntime } from '../support/runtime';

let database: TestDatabase;
let runtime: Runtime;

const POISON = 'poison-MARKER';

beforeAll(async () => {
  database = await cloneDatabase();
  runtime = await startRuntime({ databaseUrl: database.url });
});

afterAll(async () => {
  await runtime?.stop();
  await database?.drop();
});

afterEach(async () => {
  await database.query('drop function if exists poison cascade');
  await emptyTables(database);
});

/** Makes Postgres refuse one quest's rows with this SQLSTATE. */
async function poison(sqlstate: string): Promise<void> {
  await database.query(`
    create function poison() returns trigger language plpgsql as $body$
    begin
      if new.quest_id = '${POISON}' then
        raise exception 'refused' using errcode = '${sqlstate}', detail = new::text;
      end if;
      return new;
    end
    $body$;
    create trigger poison before insert on rtdb.quest_completions
      for each row execute function poison()`);
}

/** A poisoned event amid good ones, all at once. */
function mixed(): CloudEvent[] {
  const quests = Array.from({ length: 60 }, (_, index) => (index === 30 ? POISON : `q${index}`));
  return quests.map((questId) => completionEvent({ questId }));
}

test.each(['23514', '22023', '23502', '22P05'])(
  'a row that Postgres refuses with %s for good fails alone and is recorded',
  async (sqlstate) => {
    await poison(sqlstate);
    const events = mixed();
    const answers = await Promise.all(events.map((event) => send(runtime.url, event)));
    expect(new Set(answers)).toEqual(new Set([204]));
    await expect(completions(database)).resolves.toHaveLength(59);
    await expect(divergences(database)).resolves.toEqual([
      expect.objectContaining({
        kind: 'write_rejected',
        cause: 'rejected',
        severity: 'error',
        key: expect.objectContaining({ quest_id: POISON }),
        event_id: events[30]?.id,
        detail: expect.objectContaining({ sqlstate }),
      }),
    ]);
    await expect(runtime.outcomeOf(String(events[30]?.id))).resolves.toMatchObject({
      outcome: 'rejected',
    });
  },
);

test('a failure that may pass is not acknowledged, and a redelivery mends it', async () => {
  await poison('53100');
  const event = completionEvent({ questId: POISON });
  await expect(send(runtime.url, event)).resolves.toBe(500);
  await expect(divergences(database)).resolves.toEqual([]);
  await database.query('drop function poison cascade');
  await expect(send(runtime.url, event)).resolves.toBe(204);
  await expect(completions(database)).resolves.toHaveLength(1);
});

test('a row that somebody else has locked delays only itself', async () => {
  const events = mixed();
  const locked = events[30] as CloudEvent;
  const touch = { questId: POISON, time: '2025-11-18T00:00:00Z' };
  await expect(send(runtime.url, completionEvent(touch))).resolves.toBe(204);
  const holder = await database.pool.connect();
  try {
    await holder.query('begin');
    await holder.query(
      `select from rtdb.quest_completions where quest_id = '${POISON}' for update`,
    );
    const startedAt = Date.now();
    const lockedAnswer = send(runtime.url, locked).then((status) => ({
      status,
      afterMs: Date.now() - startedAt,
    }));
    const others = events.filter((event) => event !== locked);
    const answers = await Promise.all(others.map((event) => send(runtime.url, event)));
    expect(new Set(answers)).toEqual(new Set([204]));
    const later = completionEvent({ questId: 'later' });
    await expect(send(runtime.url, later)).resolves.toBe(204);
    const { status, afterMs } = await lockedAnswer;
    expect(status).toBe(500);
    expect(afterMs).toBeLessThan(5_000);
    await expect(completions(database)).resolves.toHaveLength(61);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  await expect(send(runtime.url, locked)).resolves.toBe(204);
  const row = (await completions(database)).find((each) => each.quest_id === POISON);
  expect(row?.event_id).toBe(locked.id);
});

const endSessions = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name = 'quest-mirror'`;

test('a session ended while idle is not noticed by the next sender', async () => {
  await expect(send(runtime.url, completionEvent({ questId: 'q1' }))).resolves.toBe(204);
  await expect(database.query(endSessions)).resolves.toHaveLength(1);
  await expect(send(runtime.url, completionEvent({ questId: 'q2' }))).resolves.toBe(204);
  await expect(completions(database)).resolves.toHaveLength(2);
});

test('a session ended amid a statement is not noticed by its senders', async () => {
  await database.query(`
    create function poison() returns trigger language plpgsql as
      'begin perform pg_sleep(0.3); return null; end';
    create trigger poison after insert on rtdb.quest_completions
      for each statement execute function poison()`);
  const answers = Promise.all(mixed().map((event) => send(runtime.url, event)));
  await eventually(
    async () => {
      const ended = await database.query(`${endSessions} and wait_event = 'PgSleep'`);
      return ended.length > 0;
    },
    { intervalMs: 5 },
  );
  expect(new Set(await answers)).toEqual(new Set([204]));
  await expect(completions(database)).resolves.toHaveLength(60);
});

test('none of the failures put a row, a value or the password into the logs', () => {
  const { password } = new URL(database.url);
  const secrets = ['MARKER', 'alice_bob_smith', password].filter(Boolean);
  expect(runtime.lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual(
    [],
  );
});
