import { type CloudEvent, completionEvent, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { completions, divergences, emptyTables } from '../support/mirror-tables';
import { type Runtime, startRuntime } from '../support/runtime';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

const POISON = 'poison-MARKER';

let database: TestDatabase;
let proxy: TcpProxy;
let runtime: Runtime;

beforeAll(async () => {
  database = await cloneDatabase();
  proxy = await startTcpProxy(database.url);
  runtime = await startRuntime({ databaseUrl: proxy.url });
  // The connection is there, so whatever connects is counted.
  await send(runtime.url, completionEvent());
});

afterAll(async () => {
  await runtime?.stop();
  await proxy?.stop();
  await database?.drop();
});

beforeEach(async () => {
  await emptyTables(database);
  await database.query('truncate mirror.coverage');
});

afterEach(async () => {
  await database.query('drop function if exists poison cascade');
  await database.query('alter table rtdb.quest_completions drop constraint if exists parent');
});

/** What the team's own trigger does at one quest's rows. */
async function poison(
  statements: string,
  { when = 'before insert or update', forAll = false } = {},
): Promise<void> {
  await database.query(`
    create function poison() returns trigger language plpgsql as $body$
    begin
      if ${forAll} or new.quest_id = '${POISON}' then ${statements}; end if;
      return new;
    end
    $body$;
    create trigger poison ${when} on rtdb.quest_completions
      for each row execute function poison()`);
}

/** A poisoned event amid good ones, all at once. */
function mixed(write: Parameters<typeof completionEvent>[0] = {}): CloudEvent[] {
  const quests = Array.from({ length: 60 }, (_, index) => (index === 30 ? POISON : `q${index}`));
  return quests.map((questId) => completionEvent({ ...write, questId }));
}

const sendAll = (events: readonly CloudEvent[]): Promise<number[]> =>
  Promise.all(events.map((event) => send(runtime.url, event)));

/** The answers for the neighbours, and that for the row in question. */
async function sendMixed(events = mixed()) {
  const answers = await sendAll(events);
  const [row] = answers.splice(30, 1);
  return { row, neighbours: [...new Set(answers)], id: String(events[30]?.id) };
}

const rejection = (sqlstate: string | null) =>
  expect.objectContaining({
    kind: 'write_rejected',
    cause: 'rejected',
    severity: 'error',
    key: expect.objectContaining({ quest_id: POISON }),
    times_seen: 1,
    detail: expect.objectContaining({ sqlstate }),
  });

const outages = () => database.query('select from mirror.coverage');

describe.each([
  ...['P0001', 'P0004', '21000', '22023', '23514', '54000', 'QM001'],
  ...['0A000', '3F000', '42501', '42P01', '42883'],
  ...['08006', '25006', '28000', '28P01', '3D000', '57P01', '57P03'],
  ...['40001', '40P01', '53100', '53300', '55P03', '57014', '58030', 'XX000'],
])('a trigger that raises %s for one row', (sqlstate) => {
  test('fails neither its neighbours nor the session, and the row is refused once', async () => {
    await poison(`raise exception 'refused' using errcode = '${sqlstate}', detail = new::text`);
    const connects = proxy.connects();
    const { row, neighbours, id } = await sendMixed();
    expect({ row, neighbours }).toEqual({ row: 204, neighbours: [204] });
    expect(await completions(database)).toHaveLength(59);
    expect(await divergences(database)).toEqual([rejection(sqlstate)]);
    expect(await runtime.outcomeOf(id)).toMatchObject({ outcome: 'rejected' });
    expect(proxy.connects()).toBe(connects);
    expect(await outages()).toEqual([]);
  });
});

describe.each([
  ['returns null', 'return null', null],
  ['writes to a table that is not there', 'insert into nothing_there values (1)', '42P01'],
  ['calls a function that is not there', 'perform nothing_there()', '42883'],
  ['puts together a wrong statement', 'execute new.quest_id', '42601'],
  [
    'makes its own transaction read-only',
    `perform set_config('transaction_read_only', 'on', true);
     insert into mirror.coverage (from_at, reason) values (now(), 'outage')`,
    '25006',
  ],
  ['divides by zero', 'perform 1 / 0', '22012'],
])('a trigger that %s for one row', (_name, statements, sqlstate) => {
  test.each([
    ['an insert', { before: null, after: true }],
    ['an update', { before: true, after: { completedAt: 1_763_553_600_000, step: 2 } }],
  ])('of %s: neighbours are written, the row is refused once', async (kind, write) => {
    if (kind === 'an update') await sendAll(mixed({ time: '2025-11-18T12:00:00Z' }));
    await poison(statements);
    const { row, neighbours } = await sendMixed(mixed(write));
    expect({ row, neighbours }).toEqual({ row: 204, neighbours: [204] });
    const written = (await completions(database)).filter(({ event_time }) =>
      event_time.startsWith('2025-11-19'),
    );
    expect(written).toHaveLength(59);
    expect(await divergences(database)).toEqual([rejection(sqlstate)]);
  });
});

test.each([
  [
    'a unique index',
    `create unique index team on rtdb.quest_completions ((1)) where quest_id in ('q1', '${POISON}')`,
    'drop index rtdb.team',
    '23505',
  ],
  [
    'a generated column',
    `alter table rtdb.quest_completions add column team integer
       generated always as (1 / (length(quest_id) - ${POISON.length})) stored`,
    'alter table rtdb.quest_completions drop column team',
    '22012',
  ],
])('%s of the team refuses one row, and says so', async (_name, add, remove, sqlstate) => {
  await database.query(add);
  try {
    // The other row of the index is there already, so that it is the poisoned one that comes second.
    await sendAll(mixed().slice(1, 2));
    const { row, neighbours } = await sendMixed();
    expect({ row, neighbours }).toEqual({ row: 204, neighbours: [204] });
    expect(await completions(database)).toHaveLength(59);
    expect(await divergences(database)).toEqual([rejection(sqlstate)]);
  } finally {
    await database.query(remove);
  }
});

describe('a failure that passes, of one row', () => {
  test.each([
    ['a statement that is cancelled', 'perform pg_cancel_backend(pg_backend_pid())', '57014'],
    ['a lock that is not available', `perform pg_advisory_xact_lock(${0xbad})`, '55P03'],
  ])('%s: neighbours are written, the row is retried', async (_name, statements, sqlstate) => {
    const holder = await database.pool.connect();
    try {
      await holder.query(`begin; select pg_advisory_xact_lock(${0xbad})`);
      await poison(statements);
      const events = mixed();
      const { row, neighbours, id } = await sendMixed(events);
      expect({ row, neighbours }).toEqual({ row: 500, neighbours: [204] });
      expect(await runtime.outcomeOf(id)).toMatchObject({ outcome: 'failed', sqlstate });
      expect(await divergences(database)).toEqual([]);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
  });

  test('a trigger that asks for a retry: not refused while no other write shows it is the row', async () => {
    await poison(`raise exception 'later' using errcode = '53100'`);
    const event = completionEvent({ questId: POISON });
    for (let n = 0; n < 3; n += 1) expect(await send(runtime.url, event)).toBe(500);
    expect(await divergences(database)).toEqual([]);
    // Others are written between two of its deliveries.
    expect(await send(runtime.url, completionEvent({ questId: 'other' }))).toBe(204);
    expect(await send(runtime.url, event)).toBe(204);
    expect(await divergences(database)).toEqual([rejection('53100')]);
  });

  test('a foreign key waits an hour for its parent, and then no longer', async () => {
    await database.query(`
      create table if not exists parents (id text primary key);
      insert into parents select 'q' || n from generate_series(0, 59) as n on conflict do nothing;
      delete from parents where id = '${POISON}';
      alter table rtdb.quest_completions add constraint parent
        foreign key (quest_id) references parents (id)`);
    const young = mixed({ time: new Date(Date.now() - 50 * 60_000).toISOString() });
    expect(await sendMixed(young)).toMatchObject({ row: 500, neighbours: [204] });
    expect(await divergences(database)).toEqual([]);
    await database.query(`insert into parents values ('${POISON}')`);
    expect(await send(runtime.url, young[30] as CloudEvent)).toBe(204);
    expect(await completions(database)).toHaveLength(60);

    await database.query(`delete from rtdb.quest_completions`);
    await database.query(`delete from parents where id = '${POISON}'`);
    const old = mixed({ time: new Date(Date.now() - 61 * 60_000).toISOString() });
    expect(await sendMixed(old)).toMatchObject({ row: 204, neighbours: [204] });
    expect(await divergences(database)).toEqual([rejection('23503')]);
  });
});

describe('what is missing for every row', () => {
  test('is no row’s fault: all are retried, and the line names it', async () => {
    await poison('insert into nothing_there values (new.quest_id)', {
      when: 'after insert',
      forAll: true,
    });
    const events = mixed();
    expect(new Set(await sendAll(events))).toEqual(new Set([500]));
    expect(await divergences(database)).toEqual([]);
    expect(await runtime.outcomeOf(String(events[0]?.id))).toMatchObject({
      severity: 'ERROR',
      outcome: 'failed',
      sqlstate: '42P01',
      hint:
        'relation "nothing_there" does not exist in the trigger function public.poison(): ' +
        'see "Triggers of your own" in docs/tables.md',
    });
  });

  test('the log names a function of the mirror that is missing, and the command', async () => {
    const event = completionEvent();
    await database.query('alter function mirror.apply_quest_completions rename to apply_away');
    try {
      expect(await send(runtime.url, event)).toBe(500);
      expect(await runtime.outcomeOf(String(event.id))).toMatchObject({
        hint: 'function mirror.apply_quest_completions(jsonb, unknown, jsonb) does not exist: run `npm run mirror -- migrate`',
      });
    } finally {
      await database.query('alter function mirror.apply_away rename to apply_quest_completions');
    }
    expect(await send(runtime.url, event)).toBe(204);
  });
});

test('none of the failures put a row or a value into the logs', () => {
  const lines = runtime.lines.filter((line) => /MARKER|alice_bob_smith/.test(line));
  expect(lines).toEqual([]);
});
