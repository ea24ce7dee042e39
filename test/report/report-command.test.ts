import { emptyDatabase } from '../integration/support/empty-database';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});

afterAll(() => database.drop());

beforeEach(() =>
  database.query(
    `truncate rtdb.quest_completions, mirror.divergence_log, mirror.reconcile_runs,
       mirror.reconcile_shards, mirror.coverage`,
  ),
);

const report = (...args: string[]) =>
  runCommand(['report', ...args], { DATABASE_URL: database.url });

const reportJson = async (...args: string[]) => {
  const { code, out } = await report(...args, '--json');
  return { code, ...JSON.parse(out) };
};

/** A run of the days around now, by the database's clock. */
const addRun = async (run: Record<string, unknown> = {}) => {
  const [row] = await database.query<{ id: string }>(
    `insert into mirror.reconcile_runs (
       started_at, finished_at, status, from_date, to_date, couples, matched,
       missing_in_postgres, missing_in_rtdb, value_mismatch, in_flight, error, config
     )
     select now() - interval '2 minutes', now() - coalesce(age, '1 minute'),
       coalesce(status, 'finished'), (now() at time zone 'UTC')::date + coalesce(from_day, -1),
       (now() at time zone 'UTC')::date + coalesce(to_day, 1), 5, coalesce(matched, 1000),
       coalesce(missing_in_postgres, 0), coalesce(missing_in_rtdb, 0),
       coalesce(value_mismatch, 0), coalesce(in_flight, 0), error, coalesce(config, '{}')
     from jsonb_to_record($1::jsonb) as r (
       age interval, status text, from_day integer, to_day integer, matched integer,
       missing_in_postgres integer, missing_in_rtdb integer, value_mismatch integer,
       in_flight integer, error text, config jsonb
     )
     returning id`,
    [JSON.stringify(run)],
  );
  return Number(row?.id);
};

const addDivergence = (
  ref: string,
  kind: string,
  cause: string,
  runId: number,
  path = 'quest_completions',
) =>
  database.query(
    `insert into mirror.divergence_log
       (path, ref, kind, cause, severity, detected_by, run_id, day, first_seen_at, last_seen_at)
     values ($5, $1, $2, $3, 'warning', 'reconciler', $4, current_date,
       now() - interval '90 seconds', now() - interval '90 seconds')`,
    [ref, kind, cause, runId, path],
  );

test('a good run makes the gate hold', async () => {
  await addRun({ matched: 995, missing_in_postgres: 5, in_flight: 3 });
  await database.query(
    `insert into mirror.coverage (from_at, path, reason)
     values (now() - interval '1 hour', 'another', 'flag_off')`,
  );
  const { code, out } = await report();
  expect(code).toBe(0);
  expect(out.split('\n')[0]).toMatch(/^Ready in the 24 h to .*: 99\.5000% consistent/);
  expect(out).toContain('in flight       3 keys');
});

test('a bad run does not, and the top causes are named', async () => {
  const run = await addRun({ matched: 900, missing_in_postgres: 98, missing_in_rtdb: 2 });
  await addDivergence('a', 'missing_in_postgres', 'unknown', run);
  await addDivergence('b', 'missing_in_postgres', 'unknown', run);
  await addDivergence('c', 'missing_in_rtdb', 'direct_postgres_write', run);
  await addDivergence('d', 'missing_in_rtdb', 'race', run, 'lp_awards');
  const found = await reportJson();
  expect(found).toMatchObject({
    code: 1,
    verdict: 'not_ready',
    raw: { matched: 900, compared: 1000, rate: 0.9 },
    explained: { matched: 900, compared: 999 },
    divergences: expect.arrayContaining([
      { kind: 'missing_in_postgres', cause: 'unknown', severity: 'warning', open: 2 },
    ]),
  });
  // Of another path.
  expect(JSON.stringify(found)).not.toContain('race');
  expect(found.sentence).toContain('missing_in_postgres by unknown (2)');
});

test('what another run has seen again since is still of the run that counts', async () => {
  const counted = await addRun({ matched: 999, missing_in_postgres: 1 });
  const partial = await addRun({ config: { couples: ['a_b'] } });
  await addDivergence('a', 'missing_in_postgres', 'retention', partial);
  const { explained, runs } = await reportJson();
  expect(runs.map(({ id }: { id: number }) => id)).toEqual([counted]);
  expect(explained).toMatchObject({ matched: 999, compared: 999 });
});

test.each<[string, Record<string, unknown>[], string]>([
  ['no run', [], 'no reconcile run of all couples has finished'],
  ['a run that found nothing', [{ matched: 0 }], 'nothing to compare'],
  ['a run that is still at work', [{ status: 'running', age: null }], 'no reconcile run'],
  ['too few keys', [{ matched: 99 }], 'only 99 keys'],
  ['a run of some couples', [{ config: { couples: ['a_b'] } }], 'no reconcile run'],
  ['a run of yesterday only', [{ from_day: -1, to_day: -1 }], 'runs cover'],
  ['an old run', [{ age: '121 minutes' }], 'more than 2 h'],
  [
    'a run that failed',
    [{ status: 'failed', error: 'RTDB answered 401' }],
    'failed: RTDB answered 401',
  ],
])('%s: nobody can tell', async (_name, runs, part) => {
  for (const run of runs) {
    if (run.status === 'running') {
      await database.query(
        `insert into mirror.reconcile_runs (from_date, to_date, matched)
         values (current_date - 1, current_date + 1, 500)`,
      );
    } else await addRun(run);
  }
  const { code, out, errors } = await report();
  expect([code, errors]).toEqual([2, '']);
  expect(out.split('\n')[0]).toMatch(/^Can't tell in the 24 h to /);
  expect(out.split('\n')[0]).toContain(part);
  expect(out).not.toMatch(/NaN|undefined|Infinity/);
});

test('nothing compared is null for machines', async () => {
  expect(await reportJson('--min-sample', '0')).toMatchObject({
    code: 2,
    verdict: 'cannot_tell',
    raw: { matched: 0, compared: 0, rate: null },
    lag: null,
    runs: [],
  });
});

test('a lost canary in the window fails the gate; one before it does not', async () => {
  await addRun();
  await database.query(
    `insert into mirror.coverage (from_at, to_at, reason) values
       (now() - interval '30 hours', now() - interval '25 hours', 'canary_lost'),
       (now() - interval '2 hours', now() - interval '1 hour', 'outage')`,
  );
  expect(await reportJson()).toMatchObject({ code: 0, coverage: [{ reason: 'outage' }] });
  await database.query(
    `insert into mirror.coverage (from_at, reason)
     values (now() - interval '10 minutes', 'canary_lost')`,
  );
  const lost = await report();
  expect(lost.code).toBe(1);
  expect(lost.out.split('\n')[0]).toContain('a canary was lost or late');
});

test('lag is that of events in the window, without backfill, claims and the canary', async () => {
  await addRun();
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time,
        mirrored_at)
     select couple, current_date, 'q' || n, 'u', now(), 'true', origin, event_time, at
     from (values
       (1, 'a_u', 'rtdb', now() - interval '10.1 seconds', now() - interval '10 seconds'),
       (2, 'a_u', 'rtdb', now() - interval '10.3 seconds', now() - interval '10 seconds'),
       (3, 'a_u', 'rtdb', now() - interval '30 hours', now() - interval '25 hours'),
       (4, 'a_u', 'backfill', '-infinity', now() - interval '10 seconds'),
       (5, 'a_u', 'client', '-infinity', now() - interval '10 seconds'),
       (6, 'canary_canary-partner', 'rtdb', now() - interval '1 hour', now())
     ) as v (n, couple, origin, event_time, at)`,
  );
  const { lag } = await reportJson();
  expect(lag).toEqual({ rows: 2, p50Ms: 200, p95Ms: 290, p99Ms: 298, maxMs: 300 });
});

test('both witnesses, and what the mirror would have scored alone', async () => {
  const run = await addRun({ matched: 997, missing_in_rtdb: 2, missing_in_postgres: 1 });
  await database.query(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, completed_at, payload, origin, event_time,
        client_claimed_at, deleted_at, mirrored_at)
     select 'a_u', current_date, 'q' || n, 'u', now(), payload::jsonb, origin, event_time,
       claimed, deleted, now() - interval '5 minutes'
     from (values
       (1, 'true', 'rtdb', now(), now(), null::timestamptz),
       (2, 'true', 'rtdb', now(), null, null),
       (3, 'true', 'rtdb', now(), null, null),
       (4, 'true', 'client', '-infinity', now(), null),
       (5, 'true', 'client', '-infinity', now(), null),
       (6, null, 'rtdb', now(), now(), now()),
       (7, 'true', 'backfill', '-infinity', null, null)
     ) as v (n, payload, origin, event_time, claimed, deleted)`,
  );
  const [today] = await database.query<{ day: string }>('select current_date::text as day');
  const ref = `daily_quests/a_u/${today?.day}/completions/q5/u`;
  await addDivergence(ref, 'client_only', 'client_without_rtdb', run);
  const { witnesses } = await reportJson('--witnesses');
  expect(witnesses).toMatchObject({
    both: 1,
    onlyRtdb: 2,
    onlyClient: 2,
    mirrorAlone: { matched: 996, compared: 999 },
  });
  const { out } = await report('--witnesses');
  expect(out).toContain('both 1, only RTDB 2, only the phone 2');
});

test.each([-10, 10])('a clock here that is %i minutes off does not matter', async (minutes) => {
  await addRun({ age: '115 minutes' });
  const real = Date.now.bind(Date);
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() + minutes * 60_000);
  try {
    expect((await reportJson()).code).toBe(0);
  } finally {
    clock.mockRestore();
  }
});

test('it can be asked as of another time', async () => {
  await addRun({ matched: 100, missing_in_postgres: 900 });
  const before = new Date(Date.now() - 10 * 60_000).toISOString();
  expect((await reportJson('--as-of', before)).code).toBe(2);
});

test('a time that is yet to come is refused', async () => {
  await addRun();
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const { code, out, errors } = await report('--as-of', soon);
  expect([code, out]).toEqual([2, '']);
  expect(errors).toMatch(/^mirror: --as-of: .* is yet to come; .*\n$/);
});

test.each([
  ['--window', '24'],
  ['--threshold', '99%'],
  ['--threshold', '0'],
  ['--min-sample', '-1'],
  ['--as-of', 'yesterday'],
])('%s %s ends with 2 and one line that names it', async (option, value) => {
  const { code, errors } = await report(option, value);
  expect(code).toBe(2);
  expect(errors).toContain(option);
  expect(errors.trim().split('\n')).toHaveLength(1);
});

test('a database without the migrations is one line and exit code 2', async () => {
  const empty = await emptyDatabase();
  try {
    const { code, out, errors } = await runCommand(['report'], { DATABASE_URL: empty.url });
    expect([code, out]).toEqual([2, '']);
    expect(errors).toMatch(/^mirror: Can't tell: .*; run `npm run mirror -- migrate`\n$/);
  } finally {
    await empty.drop();
  }
});

test('an unreachable database is one line and exit code 2', async () => {
  const url = 'postgres://someone:s3cret@127.0.0.1:9/quests';
  const { code, out, errors } = await runCommand(['report'], { DATABASE_URL: url });
  expect([code, out]).toEqual([2, '']);
  expect(errors).toMatch(/^mirror: Cannot connect to Postgres at 127.0.0.1:9: .*\n$/);
  expect(errors).not.toContain('s3cret');
});
