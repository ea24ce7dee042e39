import fc from 'fast-check';
import { PATHS } from '../../functions/src/app-paths';
import { closeSdks } from '../rtdb-standin/support/sdk';
import { type CloudEvent, type Mode, send } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type Runtime, startRuntime } from '../support/runtime';
import { eachTwiceInAnyOrder } from './support/any-order';
import { membersOf } from './support/app-database';
import { APP_PATHS, appFixture, NEVER_MIRRORED } from './support/app-fixtures';
import { type LiveRow, rowDifferences } from './support/differences';
import { type ColumnTypes, columnDifferences } from './support/expected-columns';
import { expectedRows, keyColumns } from './support/expected-rows';
import { type AppPlay, type CapturedEvent, playApp } from './support/play-app';

const FIXTURE = appFixture();
const TOMBSTONES: Readonly<Record<string, number>> = {
  ...{ quest_completions: 5, daily_quests: 1, quiz_progression: 0, quiz_sessions: 0 },
  ...{ you_or_me_sessions: 0, lp_awards: 2, memory_puzzles: 0, steps: 2 },
};
/** What only the trees hold that are never mirrored. */
const FORBIDDEN = [
  ...NEVER_MIRRORED,
  ...['K7M2QX', 'P4HT9W', 'emulator-5554', 'web-bob', 'e1FAKE', 'e2FAKE'],
  ...['fcmToken', 'avatarEmoji', 'availableDate', 'bothAnswered', 'lpAwarded'],
];
/** As an instance has them at once. */
const IN_FLIGHT = 8;

let play: AppPlay;
let database: TestDatabase;
let runtimes: Map<string, Runtime>;

beforeAll(async () => {
  [play, database] = await Promise.all([playApp(FIXTURE, APP_PATHS), cloneDatabase()]);
  const { url: databaseUrl } = database;
  const rtdbHost = play.standin.address;
  const started = PATHS.map(async ({ name, trigger }) => {
    const runtime = await startRuntime({ databaseUrl, rtdbHost, target: trigger });
    return [name, runtime] as const;
  });
  runtimes = new Map(await Promise.all(started));
}, 60_000);

afterAll(async () => {
  await Promise.all(Array.from(runtimes.values(), (runtime) => runtime.stop()));
  await closeSdks();
  await play.stop();
  await database.drop();
});

/** Through the path's function, several at a time. */
async function deliverTo(name: string, events: CapturedEvent[], mode: Mode): Promise<void> {
  const { url = '' } = runtimes.get(name) ?? {};
  const queue = events.values();
  const deliver = async () => {
    for (const { event, n } of queue) {
      const delivered: CloudEvent = JSON.parse(JSON.stringify(event));
      expect([n, await send(url, delivered, mode)]).toEqual([n, 204]);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, deliver));
}

async function differencesOf(name: string, ref: string): Promise<string[]> {
  const [declared] = await database.query<{ types: ColumnTypes }>(
    'select other_columns as types from mirror.paths where path = $1',
    [name],
  );
  const found = await database.query<{ row: LiveRow }>(
    `select to_jsonb(t) as row from rtdb.${name} as t where deleted_at is null`,
  );
  const rows = found.map(({ row }) => row);
  const expected = expectedRows(FIXTURE.after, ref);
  const columns = declared?.types ?? {};
  return [
    ...rowDifferences(rows, expected, keyColumns(ref)),
    ...(name === 'quest_completions'
      ? completionDifferences(rows)
      : columnDifferences(name, rows, expected, columns)),
  ].map((difference) => `${name}: ${difference}`);
}

/** The app writes `true` for each, so that only the event says when. */
function completionDifferences(rows: readonly LiveRow[]): string[] {
  return rows.flatMap((row) => {
    const partner = membersOf(String(row.couple_id)).find((id) => id !== row.user_id) || null;
    const isRight = row.partner_id === partner && row.completed_at === row.event_time;
    return isRight ? [] : [JSON.stringify(row)];
  });
}

const tombstones = async () => {
  const counts = PATHS.map(async ({ name }) => {
    const [row] = await database.query<{ n: number }>(
      `select count(*)::int as n from rtdb.${name} where deleted_at is not null`,
    );
    return [name, row?.n];
  });
  return Object.fromEntries(await Promise.all(counts));
};

/** What is said once a day by an instance stays: it won't be said again. */
const emptyBooks = async () => {
  const tables = PATHS.map(({ name }) => `rtdb.${name}`).join(', ');
  await database.query(`truncate ${tables}`);
  await database.query(`delete from mirror.divergence_log where kind <> 'value_drift'`);
};

describe.each<Mode>(['binary', 'structured'])('in %s mode', (mode) => {
  test("the app's writes, each event twice and in any order, end in tables that equal RTDB", async () => {
    const anyOrder = eachTwiceInAnyOrder(play.events);
    await fc.assert(
      fc.asyncProperty(anyOrder, async (events) => {
        await emptyBooks();
        await Promise.all(
          PATHS.map(({ name }) => {
            const own = events.filter((event) => event.name === name);
            return deliverTo(name, own, mode);
          }),
        );
        const differences = PATHS.map(({ name, ref }) => differencesOf(name, ref));
        expect((await Promise.all(differences)).flat()).toEqual([]);
        expect(await tombstones()).toMatchObject(TOMBSTONES);
        await expectOnlyExplained();
      }),
      { numRuns: 3, endOnFailure: true },
    );
  }, 60_000);
});

/**
 * What the log holds afterwards. An order in which no event is late gives no `out_of_order`, and no order
 * gives `missed_event`s that stay open: nothing is missing in the end.
 */
async function expectOnlyExplained(): Promise<void> {
  const logged = await database.query<{ row: string; n: number }>(
    `select
       concat_ws(' ', kind, cause, severity, case when resolved_at is null then 'open' end) as row,
       count(*)::int as n
     from mirror.divergence_log
     group by row order by row`,
  );
  const fromTheOrder = ['out_of_order race info open', 'missed_event race info'];
  expect(logged.filter(({ row }) => !fromTheOrder.includes(row))).toEqual([
    // Completions that a set or a removal of their whole day erased: 54, 56 and 58.
    { row: 'ancestor_overwrite ancestor_overwrite warning open', n: 5 },
    { row: 'value_drift unknown warning open', n: 1 },
  ]);
}

test('the one value that a column can\u2019t hold is one warning', async () => {
  const drifts = await database.query(
    `select path, ref, severity, detail ->> 'type' as type, resolved_at
     from mirror.divergence_log where kind = 'value_drift'`,
  );
  expect(drifts).toEqual([
    {
      path: 'steps',
      ref: 'steps_data/{coupleId}/days/{dateKey}#goal',
      severity: 'warning',
      type: 'integer',
      resolved_at: null,
    },
  ]);
});

test.each(APP_PATHS)('$trigger acknowledges refusals, in a row for each', async ({ name }) => {
  const event = play.events.find((captured) => captured.name === name)?.event;
  const { url = '', outcomeOf } = runtimes.get(name) ?? {};
  const refused: CloudEvent[] = [
    { ...event, id: `${name} depth`, ref: `${event?.ref}/child` },
    {
      ...event,
      id: `${name} value`,
      data: { data: null, delta: { note: 'a\u0000', completedAt: 1e12 } },
    },
  ].map((change) => JSON.parse(JSON.stringify(change)));
  for (const each of refused) {
    expect(await send(url, each, 'structured')).toBe(204);
    expect(await outcomeOf?.(String(each.id))).toMatchObject({ outcome: 'rejected', path: name });
  }
  const logged = await database.query(
    `select event_id, detail #>> '{issues,0,field}' as field
     from mirror.divergence_log
     where path = $1 and kind = 'invalid_payload'
     order by event_id`,
    [name],
  );
  expect(logged).toEqual([
    { event_id: `${name} depth`, field: 'ref' },
    { event_id: `${name} value`, field: 'value.note' },
  ]);
});

test('couples without a first id, and those with push tokens for ids, are there', async () => {
  const rows = await database.query(
    `select
       count(*) filter (where couple_id like '\\_%')::int > 0 as has_empty_id,
       count(*) filter (where couple_id like '%:APA91b%-')::int > 0 as has_token
     from rtdb.daily_quests where deleted_at is null`,
  );
  expect(rows).toEqual([{ has_empty_id: true, has_token: true }]);
});

test('nothing of what is never mirrored is in the database or in the log lines', async () => {
  const tables = await database.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  expect(tables.length).toBeGreaterThan(PATHS.length);
  const isForbidden = (text: string) => FORBIDDEN.some((marker) => text.includes(marker));
  for (const { name } of tables) {
    const rows = await database.query<{ text: string }>(`select t::text as text from ${name} as t`);
    expect([name, rows.filter(({ text }) => isForbidden(text))]).toEqual([name, []]);
  }
  for (const [name, { lines }] of runtimes) {
    expect(lines.length).toBeGreaterThan(0);
    expect([name, lines.filter(isForbidden)]).toEqual([name, []]);
  }
});
