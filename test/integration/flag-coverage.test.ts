import { Client } from 'pg';
import { type FlagNote, NOTE_FLAG, WAS_FLAG_OFF } from '../../functions/src/coverage/coverage';
import { ruleOfParameter } from '../../functions/src/flag/flag-rule';
import {
  LazyStore,
  noteFlagChanges,
  openMirrorStore,
} from '../../functions/src/mirror/mirror-store';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

beforeEach(() => {
  moment = new Date();
  return database.query('truncate mirror.coverage');
});

afterAll(() => database.drop());

let moment = new Date();

const ago = (seconds: number) => new Date(moment.getTime() - seconds * 1000);

function note(seen: FlagNote['seen'], more: Partial<FlagNote> = {}) {
  const note = {
    ...{ path: null, seen, since: ago(5), offSince: null, version: 0 },
    evidence: { by: 'mirror' },
  };
  return NOTE_FLAG.run(database.statements, { ...note, ...more });
}

/** Seen from when the test began: on a busy machine it may take a while. */
const gaps = () =>
  database.query(
    `select reason, round(extract(epoch from $1::timestamptz - from_at))::int as since_s,
       to_at between $1::timestamptz + interval '60 s' and $1::timestamptz + interval '2 min'
         as ends_in_a_minute
     from mirror.coverage order by id`,
    [moment],
  );

const atOnce = (work: () => Promise<unknown>) => Promise.all(Array.from({ length: 10 }, work));

test('ten instances that see it go off at once open one interval', async () => {
  await atOnce(() => note('off', { since: ago(30) }));
  expect(await gaps()).toEqual([{ reason: 'flag_off', since_s: 30, ends_in_a_minute: null }]);
});

test('no login that is not the mirror’s can keep it from being noted', async () => {
  const stranger = `stranger_${process.pid}`;
  await database.query(`create role ${stranger} login password 'x'`);
  const url = new URL(database.url);
  url.username = stranger;
  url.password = 'x';
  const holder = new Client({ connectionString: url.href });
  await holder.connect();
  try {
    await holder.query(`select pg_advisory_lock(hashtextextended('mirror.note_flag', 0))`);
    await expect(holder.query('select from mirror.locks for update')).rejects.toMatchObject({
      code: '42501',
    });
    await note('off', { since: ago(30) });
    expect(await gaps()).toHaveLength(1);
  } finally {
    await holder.end();
    await database.query(`drop role ${stranger}`);
  }
}, 10_000);

test('it is over a minute after it was first seen to be: the others may not have looked', async () => {
  await note('off');
  await atOnce(() => note('on', { offSince: ago(5) }));
  expect(await gaps()).toEqual([{ reason: 'flag_off', since_s: 5, ends_in_a_minute: true }]);
});

test('what the first migrate opened ends once anybody sees it on, whatever the template', async () => {
  const migrated = () =>
    database.query(
      `insert into mirror.coverage (from_at, reason, detail)
       values ($1, 'flag_off', '{"by": "migrate"}')`,
      [ago(900)],
    );
  await migrated();
  await atOnce(() => note('on', { version: 7 }));
  expect(await gaps()).toEqual([{ reason: 'flag_off', since_s: 900, ends_in_a_minute: true }]);
  await database.query('truncate mirror.coverage');
  await migrated();
  await note('percent');
  expect(await gaps()).toEqual([
    { reason: 'flag_off', since_s: 900, ends_in_a_minute: true },
    { reason: 'percent', since_s: 5, ends_in_a_minute: null },
  ]);
});

test('an instance that guesses tells nobody', async () => {
  await database.query(
    `insert into mirror.coverage (from_at, reason) values (now() - interval '1 hour', 'flag_off')`,
  );
  const store = new LazyStore(() =>
    openMirrorStore(questCompletions, clientConfig(database.url), 1),
  );
  const seesOn = (isSure: boolean) => {
    const rule = { ...ruleOfParameter(true), isSure };
    const times = { beforeSinceMs: 0, beforeUntilMs: 0, seenAtMs: Date.now() };
    const change = { path: null, before: null, after: 'on' as const, rule, ...times };
    return noteFlagChanges([change], { mode: 'on' }, store);
  };
  await seesOn(false);
  expect(await gaps()).toMatchObject([{ ends_in_a_minute: null }]);
  await seesOn(true);
  expect(await gaps()).toMatchObject([{ ends_in_a_minute: true }]);
  await store.get().close();
});

test('on, where nothing is open, waits for nobody', async () => {
  const holder = await database.pool.connect();
  try {
    await note('off');
    await note('on');
    await holder.query(`begin; select from mirror.locks where name = 'note_flag' for update`);
    await note('on');
    expect(await gaps()).toHaveLength(1);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
}, 10_000);

test('ten instances that saw it off, and that nobody noted, record it once', async () => {
  await atOnce(() => note('on', { offSince: ago(40) }));
  expect(await gaps()).toEqual([{ reason: 'flag_off', since_s: 40, ends_in_a_minute: true }]);
});

test('off again within that minute is an interval of its own', async () => {
  await note('off', { since: ago(60), version: 2 });
  await note('on', { version: 3 });
  await note('off', { since: ago(1), version: 4 });
  expect(await gaps()).toEqual([
    { reason: 'flag_off', since_s: 60, ends_in_a_minute: true },
    { reason: 'flag_off', since_s: 1, ends_in_a_minute: null },
  ]);
});

test('what is seen of an older template comes too late', async () => {
  await note('off', { version: 4 });
  await note('on', { version: 3 });
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', ends_in_a_minute: null }]);
  await note('on', { version: 5 });
  await note('off', { version: 4 });
  expect(await gaps()).toMatchObject([{ reason: 'flag_off', ends_in_a_minute: true }]);
});

test('a rollout goes from off by percent to on', async () => {
  await note('off', { since: ago(300), version: 1 });
  const condition = { name: 'some', condition: { percent: { microPercent: 1_000_000 } } };
  await note('percent', { version: 2, evidence: { conditions: [condition] } });
  await note('percent', { version: 3, evidence: { conditions: [] } });
  expect(await gaps()).toMatchObject([
    { reason: 'flag_off', ends_in_a_minute: true },
    { reason: 'percent', ends_in_a_minute: null },
  ]);
  await note('on', { version: 4 });
  expect(await gaps()).toMatchObject([
    { ends_in_a_minute: true },
    { reason: 'percent', ends_in_a_minute: true },
  ]);
  const [, percent] = await database.query('select detail from mirror.coverage order by id');
  expect(percent).toEqual({
    detail: { conditions: [condition], version: 2, over_by_version: 4 },
  });
});

test('another percent is another interval: who was in follows from its conditions', async () => {
  const half = { conditions: [{ name: 'half', condition: {}, enabled: true }], otherwise: false };
  await note('percent', { since: ago(900), version: 1, evidence: { by: 'canary', ...half } });
  await note('percent', { since: ago(600), version: 2, evidence: { by: 'mirror', ...half } });
  await note('percent', { since: ago(300), version: 3, evidence: { ...half, otherwise: true } });
  await note('percent', { since: ago(200), version: 3, evidence: { by: 'mirror' } });
  expect(await gaps()).toEqual([
    { reason: 'percent', since_s: 900, ends_in_a_minute: true },
    { reason: 'percent', since_s: 300, ends_in_a_minute: null },
  ]);
});

test('outages and canaries are left alone', async () => {
  await database.query(
    `insert into mirror.coverage (from_at, reason) values (now(), 'canary_lost')`,
  );
  await note('on');
  expect(await gaps()).toMatchObject([{ reason: 'canary_lost', ends_in_a_minute: null }]);
});

test('whether the flag was off at an instant', async () => {
  const wasOff = async (at: Date) =>
    (await WAS_FLAG_OFF.one(database.statements, { at, path: 'lp_awards' })).wasOff;
  await note('percent', { since: ago(100) });
  await note('off', { since: ago(50) });
  expect(await wasOff(ago(60))).toBe(false);
  expect(await wasOff(ago(10))).toBe(true);
  await note('on');
  expect(await wasOff(ago(-30))).toBe(true);
  expect(await wasOff(ago(-90))).toBe(false);
});

test('one path has intervals of its own, beside those of the flag', async () => {
  const wasOff = async (path: string) =>
    (await WAS_FLAG_OFF.one(database.statements, { at: ago(10), path })).wasOff;
  await atOnce(() => note('off', { path: 'lp_awards', since: ago(30), version: 2 }));
  await note('on', { since: ago(30), version: 2 });
  expect([await wasOff('lp_awards'), await wasOff('quest_completions')]).toEqual([true, false]);
  await note('off', { since: ago(20), version: 3 });
  await note('on', { path: 'lp_awards', version: 3 });
  expect(await wasOff('quest_completions')).toBe(true);
  expect(
    await database.query(
      'select path, reason, to_at is null as lasts from mirror.coverage order by id',
    ),
  ).toEqual([
    { path: 'lp_awards', reason: 'flag_off', lasts: false },
    { path: null, reason: 'flag_off', lasts: true },
  ]);
});

test('the login of the functions may note', async () => {
  const client = await database.pool.connect();
  try {
    await client.query('begin; set local role quest_mirror_writer');
    const statements = {
      run: async (text: string, values: unknown[]) => (await client.query(text, values)).rows,
    };
    const seen = { path: null, seen: 'off', since: ago(5), offSince: ago(9) };
    await NOTE_FLAG.run(statements, { ...seen, version: 1, evidence: {} });
    const { rows } = await client.query('select reason from mirror.coverage');
    expect(rows).toHaveLength(2);
  } finally {
    await client.query('rollback');
    client.release();
  }
});
