import { lpAwards } from '../../functions/src/paths/lp-awards';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { Couples, keysOf, TODAY } from './support/couple';
import { startProof, type TestProof } from './support/proof';

let proof: TestProof;
let couples: Couples;

beforeEach(async () => {
  proof = await startProof({ retentionDays: 30 });
  couples = new Couples(proof);
});

afterEach(() => proof.stop());

/** The first reading finds q0 in agreement, and the path is `age` old since. */
async function readBefore(age = '1 hour'): Promise<void> {
  await couples.agree('q0');
  await couples.read();
  await couples.age(age);
}

async function causes(): Promise<string[]> {
  return (await couples.told()).map(({ cause }) => cause);
}

const ONE_HOUR_AGO = new Date(Date.now() - 3_600_000);
const dayBack = (days: number) =>
  new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

describe('races', () => {
  const lost = { kind: 'out_of_order', cause: 'race', rtdbValue: true } as const;
  const row = { payload: 1_700_000_000_000, id: 'e-row' };

  test('what lost by less than a clock can tell against the row that stands', async () => {
    await readBefore();
    await couples.set('q1', true);
    const at = new Date();
    await couples.mirror('q1', { ...row, at });
    await couples.logged('q1', { ...lost, at, detail: { row_event_id: 'e-row' } });
    await couples.read();
    expect(await causes()).toEqual(['race']);
  });

  test.each([
    ['a resolved one', { isResolved: true }, 'e-row'],
    ['one against a row that was written since', {}, 'e-older-row'],
    ['one that another value lost', { rtdbValue: 1_700_000_000_001 }, 'e-row'],
    ['one of long before', { at: ONE_HOUR_AGO }, 'e-row'],
  ])('%s is no evidence', async (_, more, rowEventId) => {
    await readBefore();
    await couples.set('q1', true);
    await couples.mirror('q1', row);
    await couples.logged('q1', { ...lost, ...more, detail: { row_event_id: rowEventId } });
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });
});

describe('refusals', () => {
  const refusal = { kind: 'write_rejected', cause: 'rejected', rtdbValue: true } as const;

  test('Postgres refused this very value', async () => {
    await readBefore();
    await couples.set('q1', true);
    await couples.logged('q1', refusal);
    await couples.read();
    expect(await couples.told()).toMatchObject([
      { cause: 'rejected', detail: { evidence: { refused: 'write' } } },
    ]);
  });

  test('an old refusal of a row that was mirrored since is no evidence', async () => {
    await readBefore();
    await couples.set('q1', true);
    await couples.logged('q1', { ...refusal, at: ONE_HOUR_AGO });
    await couples.mirror('q1', { payload: 1_700_000_000_000 });
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test.each([
    ['of another value', { rtdbValue: 5 }],
    ['that is resolved', { isResolved: true }],
  ])('one %s is none', async (_, more) => {
    await readBefore();
    await couples.set('q1', true);
    await couples.logged('q1', { ...refusal, ...more });
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('one from before the last agreeing reading is none', async () => {
    await couples.agree('q1');
    await couples.logged('q1', refusal);
    await readBefore();
    await couples.direct(`delete from rtdb.quest_completions where quest_id = 'q1'`);
    await proof.database.query('delete from mirror.direct_writes');
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('a value that the mirror refuses, with its fields', async () => {
    await readBefore();
    await couples.set('q1', { completedAt: 'yesterday' });
    await couples.read();
    expect(await couples.told()).toMatchObject([
      {
        kind: 'missing_in_postgres',
        cause: 'rejected',
        detail: { issues: [{ field: 'value.completedAt', message: expect.any(String) }] },
      },
    ]);
  });

  test.each(['2569-11-27', '1405-09-06', '20261127'])(
    'a day that is none, %s, with its field and what was expected',
    async (day) => {
      await couples.set('q1', true, { day });
      await couples.read();
      expect(await couples.told()).toMatchObject([
        { kind: 'invalid_payload', cause: 'rejected', detail: { issues: [{ field: 'dateKey' }] } },
      ]);
    },
  );
});

describe('mirroring was off', () => {
  const seed = 'quests';
  const half = (enabled: boolean) => ({
    conditions: [
      {
        name: 'half',
        condition: {
          percent: { percentOperator: 'LESS_OR_EQUAL', seed, microPercent: 50_000_000 },
        },
        enabled,
      },
    ],
    otherwise: !enabled,
  });

  async function loseOne(): Promise<void> {
    await couples.set('q1', true);
    await couples.read();
  }

  test('all the time in which it can have been written', async () => {
    await readBefore();
    await couples.gap('flag_off', '3 hours', null);
    await loseOne();
    expect(await couples.told()).toMatchObject([
      {
        cause: 'flag_disabled',
        severity: 'warning',
        detail: { evidence: { coverage: { reason: 'flag_off', to_at: null } } },
      },
    ]);
  });

  test('in two intervals that leave nothing of it', async () => {
    await readBefore();
    await couples.gap('flag_off', '3 hours', '30 minutes');
    await couples.gap('flag_off', '31 minutes', '0');
    await loseOne();
    expect(await causes()).toEqual(['flag_disabled']);
  });

  test.each([
    ['a pause of 61 s', '8 hours', '7 hours 58 minutes 59 seconds'],
    ['a pause of ten minutes', '8 hours', '7 hours 50 minutes'],
    ['a third of the day', '20 hours', '12 hours'],
  ])('%s does not excuse a day', async (_, from, to) => {
    await readBefore('24 hours');
    await couples.gap('flag_off', from, to);
    await loseOne();
    expect(await couples.told()).toMatchObject([
      {
        cause: 'unknown',
        detail: { possible: [{ reason: 'flag_off', share: expect.any(Number) }] },
      },
    ]);
  });

  test.each([
    ['ended before the last agreeing reading', '9 hours', '2 hours'],
    ['is of another path', '9 hours', null],
  ])('one that %s is none', async (what, from, to) => {
    await readBefore();
    await couples.gap('flag_off', from, to);
    if (what.includes('path')) {
      await proof.database.query(`update mirror.coverage set path = 'steps' where to_at is null`);
    }
    await loseOne();
    expect(await couples.told()).toMatchObject([{ cause: 'unknown' }]);
    expect((await couples.told())[0]?.detail.possible).toBeUndefined();
  });

  test('one that ended before the event that the row shows is none', async () => {
    await readBefore('10 hours');
    await couples.gap('flag_off', '11 hours', '1 hour');
    await couples.mirror('q1', {
      payload: 1_700_000_000_000,
      at: new Date(Date.now() - 1_800_000),
    });
    await loseOne();
    expect(await causes()).toEqual(['unknown']);
  });

  test('a percent excuses the couples that were out, and no others', async () => {
    const shards = Array.from({ length: 12 }, (_, n) => `a_c${n}`);
    for (const couple of shards) await couples.agree('q0', true, { couple });
    await couples.read();
    await couples.age('1 hour');
    await couples.gap('percent', '2 hours', null, half(true));
    for (const couple of shards) await couples.set('q1', true, { couple });
    await couples.read();
    const first = new Map((await couples.told()).map(({ ref, cause }) => [ref, cause]));
    expect(new Set(first.values())).toEqual(new Set(['flag_disabled', 'unknown']));
    // The other way round, who was in is out.
    await proof.database.query(`update mirror.coverage set detail = $1 where reason = 'percent'`, [
      JSON.stringify(half(false)),
    ]);
    for (const couple of shards) await couples.set('q2', true, { couple });
    await couples.read();
    for (const { ref, cause } of (await couples.told()).filter((row) => row.ref.includes('/q2/'))) {
      const other = first.get(ref.replace('/q2/', '/q1/'));
      expect([other, cause].sort()).toEqual(['flag_disabled', 'unknown']);
    }
  });

  test('a percent of which nobody knows who was in excuses nobody', async () => {
    await readBefore();
    await couples.gap('percent', '2 hours', null, { version: 7 });
    await loseOne();
    expect(await couples.told()).toMatchObject([
      { cause: 'unknown', detail: { possible: [{ reason: 'percent' }] } },
    ]);
  });
});

describe('before mirroring began', () => {
  test('what the first pass finds and no reading has seen agree', async () => {
    await couples.set('q1', true, { day: dayBack(40) });
    await couples.set('q2', 1_700_000_000_000);
    await couples.read();
    expect(await causes()).toEqual(['before_mirroring', 'before_mirroring']);
  });

  test.each([
    ['milliseconds', () => Date.now() - 60_000],
    ['an ISO 8601 time', () => ({ completedAt: new Date(Date.now() - 60_000).toISOString() })],
  ])('not a value whose own time, %s, is later', async (_, value) => {
    await couples.age('3 hours');
    await couples.set('q1', value());
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('not what lies on a later day', async () => {
    await couples.age('5 days');
    await couples.set('q1', true);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('not a couple that came when all had been read once', async () => {
    await readBefore('8 hours');
    await couples.set('q1', true, { couple: 'c_d' });
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test.each([
    ['earlier', -86_400_000, 'before_mirroring'],
    ['later', -60_000, 'unknown'],
  ])('an award whose own time is %s', async (_, ago, cause) => {
    await couples.age('3 hours');
    await proof.rtdb.rest.set(['lp_awards', 'a_b', 'x1'], {
      amount: 5,
      timestamp: Date.now() + ago,
    } as never);
    await couples.read([lpAwards]);
    expect(await causes()).toEqual([cause]);
  });
});

describe('one write of more leaves than RTDB sends events for', () => {
  test('800 leaves of 400 couples, of which none came', async () => {
    const shards = Array.from({ length: 400 }, (_, n) => `m_n${n}`);
    const tree = (quests: string[]) => {
      const completions = Object.fromEntries(quests.map((quest) => [quest, { m: true }]));
      return Object.fromEntries(shards.map((one) => [one, { [TODAY]: { completions } }]));
    };
    await proof.rtdb.rest.set(['daily_quests'], tree(['q0']) as never);
    await proof.database.query(
      `do $$ begin
         perform set_config('mirror.writer', 'on', true);
         insert into rtdb.quest_completions
           (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time)
         select 'm_n' || n, '${TODAY}', 'q0', 'm', 'n' || n, now(), 'true', 'rtdb', 'e' || n, now()
         from generate_series(0, 399) as n;
       end $$`,
    );
    await couples.read();
    await couples.age('1 hour');
    expect(await couples.told()).toEqual([]);
    await proof.rtdb.rest.set(['daily_quests'], tree(['q0', 'q1', 'q2']) as never);
    await couples.read();
    const told = await couples.told();
    expect(told).toHaveLength(800);
    expect(new Set(told.map(({ cause }) => cause))).toEqual(new Set(['fan_out_limit']));
    expect(told[0]?.detail.evidence).toMatchObject({ leaves_missing: 800, limit: 500 });
  }, 120_000);

  test('600 leaves of 300 couples that no listing had shown before', async () => {
    await readBefore();
    const completions = { q1: { m: true }, q2: { m: true } };
    for (let n = 0; n < 300; n += 1) {
      await proof.rtdb.rest.set(['daily_quests', `m_n${n}`], { [TODAY]: { completions } } as never);
    }
    await couples.read();
    const told = await couples.told();
    expect(told).toHaveLength(600);
    expect(new Set(told.map(({ cause }) => cause))).toEqual(new Set(['fan_out_limit']));
  }, 120_000);

  test('480 leaves came with one instant, and 40 of three couples did not', async () => {
    const shards = ['a_1', 'a_2', 'a_3'];
    for (const couple of shards) await couples.agree('q0', true, { couple });
    await couples.read();
    await couples.age('1 hour');
    await proof.database.query(
      `do $$ begin
         perform set_config('mirror.writer', 'on', true);
         insert into rtdb.quest_completions
           (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_id, event_time)
         select 'z_' || n, '${TODAY}', 'q1', 'z', n::text, now() - interval '10 minutes', 'true', 'rtdb', 'e' || n, now() - interval '10 minutes'
         from generate_series(1, 480) as n;
       end $$`,
    );
    const came = Object.fromEntries(
      Array.from({ length: 480 }, (_, n) => [
        `z_${n + 1}`,
        { [TODAY]: { completions: { q1: { z: true } } } },
      ]),
    );
    for (const [couple, days] of Object.entries(came)) {
      await proof.rtdb.rest.set(['daily_quests', couple], days as never);
    }
    for (const couple of shards) {
      for (let n = 1; n <= 14; n += 1) await couples.set(`p${n}`, true, { couple });
    }
    await couples.read();
    const told = await couples.told();
    expect(new Set(told.map(({ cause }) => cause))).toEqual(new Set(['fan_out_limit']));
    expect(told[0]?.detail.evidence).toMatchObject({ leaves_arrived: 480, leaves_missing: 42 });
  }, 120_000);

  test("not the sum of one couple's losses over 170 days", async () => {
    await readBefore();
    const days = Object.fromEntries(
      Array.from({ length: 170 }, (_, n) => [
        dayBack(n + 1),
        { completions: { q1: { a: true }, q2: { a: true }, q3: { a: true }, q4: { a: true } } },
      ]),
    );
    for (const [day, node] of Object.entries(days)) {
      await proof.rtdb.rest.set(['daily_quests', 'a_b', day], node as never);
    }
    await couples.read();
    await couples.read();
    expect(await couples.told()).toMatchObject([{ keys: 680, cause: 'unknown' }]);
  });
});

describe('writes past the mirror', () => {
  const remove = `delete from rtdb.quest_completions where quest_id = 'q1'`;

  test('a deletion since the last agreeing reading', async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.direct(remove);
    await couples.read();
    expect(await couples.told()).toMatchObject([
      {
        kind: 'missing_in_postgres',
        cause: 'direct_postgres_write',
        severity: 'error',
        detail: { evidence: { operation: 'delete', written_by: expect.any(String) } },
      },
    ]);
  });

  test('120 deletions, which share a row', async () => {
    for (let n = 0; n < 120; n += 1) await couples.agree(`q${n}`);
    await couples.read();
    await couples.age('1 hour');
    await couples.direct('delete from rtdb.quest_completions');
    await couples.read();
    expect(await couples.told()).toMatchObject([{ keys: 120, cause: 'direct_postgres_write' }]);
  });

  test('another payload by hand, and a row that RTDB never had', async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.direct(`update rtdb.quest_completions set payload = '5' where quest_id = 'q1'`);
    await couples.direct(
      `insert into rtdb.quest_completions (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time)
       values ('a_b', '${TODAY}', 'q2', 'a', 'b', now(), 'true', 'rtdb', now())`,
    );
    await couples.read();
    expect((await couples.told()).map(({ kind, cause }) => [kind, cause])).toEqual([
      ['value_mismatch', 'direct_postgres_write'],
      ['missing_in_rtdb', 'direct_postgres_write'],
    ]);
  });

  test("a column by hand, as the payload's columns tell", async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.direct(
      `update rtdb.quest_completions set partner_id = 'stranger' where quest_id = 'q1'`,
    );
    await couples.read();
    expect(await couples.told()).toMatchObject([
      {
        kind: 'column_mismatch',
        cause: 'direct_postgres_write',
        detail: { columns: { partner_id: { expected: 'b', shown: 'stranger' } } },
      },
    ]);
  });

  test('an update that changed no payload is no evidence of another value', async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.direct(
      `update rtdb.quest_completions set mirrored_at = mirrored_at where quest_id = 'q1'`,
    );
    await couples.set('q1', 1_700_000_000_000);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('a deletion of long before a value that was written since is none', async () => {
    await couples.agree('q1');
    await couples.read();
    await couples.direct(remove);
    await couples.set('q1', null);
    await couples.age('200 days');
    await couples.read();
    await couples.age('1 hour');
    await couples.set('q1', true);
    await couples.read();
    expect((await couples.told()).at(-1)).toMatchObject({ cause: 'unknown' });
  });

  test('a deletion before a value whose own time is later is none, without any reading before', async () => {
    await couples.mirror('q1');
    await couples.direct(remove);
    await couples.age('200 days');
    await couples.set('q1', Date.now() - 60_000);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('one that an event has overwritten is none', async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.direct(`update rtdb.quest_completions set payload = '5' where quest_id = 'q1'`);
    await couples.mirror('q1', { payload: 1_700_000_000_000 });
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('TRUNCATE', async () => {
    await couples.agree('q1');
    await couples.agree('q2', true, { couple: 'a_d' });
    await readBefore();
    await couples.direct('truncate rtdb.quest_completions');
    await couples.read();
    const told = await couples.told();
    expect(told).toHaveLength(3);
    for (const row of told) {
      expect(row).toMatchObject({
        cause: 'direct_postgres_write',
        detail: { evidence: { operation: 'truncate' } },
      });
    }
  });

  test('what was lost before a TRUNCATE, or after a reading that followed it, is not its', async () => {
    await couples.direct('truncate rtdb.quest_completions');
    await couples.age('3 hours');
    await readBefore();
    await couples.set('q1', true);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });
});

describe('a write of the whole day', () => {
  const overwrite = { kind: 'ancestor_overwrite', cause: 'ancestor_overwrite' } as const;
  const emptied = { evidence: ['siblings_erased'] };

  test('left nothing of the day', async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.set('q1', null);
    await couples.logged('q7', { ...overwrite, detail: emptied });
    await couples.read();
    expect((await couples.told()).filter(({ kind }) => kind === 'missing_in_rtdb')).toMatchObject([
      { cause: 'ancestor_overwrite' },
    ]);
  });

  test.each([
    ['that kept other leaves', new Date(), { evidence: ['day_regenerated'] }],
    ['of before the last agreeing reading', new Date(Date.now() - 7_200_000), emptied],
  ])('one %s is no evidence', async (_, at, detail) => {
    await couples.agree('q1');
    await readBefore();
    await couples.set('q1', null);
    await couples.logged('q7', { ...overwrite, at, detail });
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('one before the event that the row shows is none', async () => {
    await readBefore();
    await couples.logged('q7', {
      ...overwrite,
      at: new Date(Date.now() - 60_000),
      detail: emptied,
    });
    await couples.mirror('q1');
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('one that kept the leaf is none', async () => {
    await couples.agree('q1');
    await readBefore();
    await couples.logged('q7', { ...overwrite, detail: emptied });
    await couples.set('q1', 1_700_000_000_000);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });
});

describe('retention', () => {
  const day = dayBack(40);

  async function retainedDay(days: number): Promise<void> {
    await proof.database.query(
      `insert into mirror.divergence_log
         (path, ref, shard, day, kind, cause, severity, detected_by, detail, event_id, event_time)
       values ('quest_completions', $1, 'a_b', $2, 'missing_in_rtdb', 'retention', 'info', 'trigger',
         jsonb_build_object('retention_days', $3::integer), 'e', clock_timestamp())`,
      [`daily_quests/a_b/${day}`, day, days],
    );
  }

  test("is not told of a user's own removal because another leaf of the day was retained", async () => {
    await couples.agree('q1', true, { day });
    await readBefore();
    await couples.set('q1', null, { day });
    await retainedDay(30);
    await couples.read();
    expect(await couples.told()).toMatchObject([{ kind: 'missing_in_rtdb', cause: 'unknown' }]);
  });

  test('is told of a leaf that was as old, where the days have been made more since', async () => {
    const old = dayBack(25);
    await couples.agree('q1', true, { day: old });
    await proof.database.query(
      `do $$ begin perform set_config('mirror.writer', 'on', true);
         update rtdb.quest_completions set event_time = event_time - interval '25 days',
           completed_at = completed_at - interval '25 days',
           mirrored_at = mirrored_at - interval '25 days'; end $$`,
    );
    await readBefore();
    await couples.set('q1', null, { day: old });
    await retainedDay(20);
    await proof.database.query(`update mirror.divergence_log set day = $1`, [old]);
    await couples.read();
    expect(await couples.told()).toMatchObject([{ kind: 'missing_in_rtdb', cause: 'retention' }]);
  });
});

describe('what may still come', () => {
  test('an outage touches the time in which it was written', async () => {
    await readBefore();
    await couples.gap('outage', '50 minutes', '40 minutes');
    await couples.set('q1', true);
    await couples.read();
    expect(await couples.told()).toMatchObject([
      {
        cause: 'in_flight',
        severity: 'info',
        detail: { evidence: { coverage: { reason: 'outage' } } },
      },
    ]);
  });

  test('until the retries are over', async () => {
    await readBefore();
    await couples.gap('outage', '50 minutes', '40 minutes');
    await couples.set('q1', true);
    await couples.read();
    await couples.age('25 hours');
    await couples.read();
    expect(await couples.told()).toMatchObject([
      { cause: 'retries_exhausted', severity: 'error', detail: { evidence: { coverage: {} } } },
    ]);
  });

  test('not by an outage of before the last agreeing reading', async () => {
    await couples.gap('outage', '50 minutes', '40 minutes');
    await readBefore();
    await couples.set('q1', true);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });

  test('a restore, also where Postgres was away meanwhile', async () => {
    await couples.agree('q1');
    await readBefore('3 hours');
    await couples.gap('outage', '2 hours', '1 hour');
    await couples.gap('restored', '150 minutes', '1 hour');
    await couples.set('q2', true);
    await couples.read();
    expect(await causes()).toEqual(['restored']);
  });

  test('a restore that is noted late changes what was told', async () => {
    await readBefore('3 hours');
    await couples.gap('outage', '2 hours', '1 hour');
    await couples.set('q2', true);
    await couples.read();
    expect(await causes()).toEqual(['in_flight']);
    await couples.gap('restored', '150 minutes', '1 hour');
    await couples.read();
    expect(await causes()).toEqual(['restored']);
  });

  test('what an event wrote after the restore is not its', async () => {
    await readBefore('3 hours');
    await couples.gap('restored', '150 minutes', '1 hour');
    await couples.mirror('q2', { payload: 1_700_000_000_000 });
    await couples.set('q2', true);
    await couples.read();
    expect(await causes()).toEqual(['unknown']);
  });
});

test('a claim that RTDB never showed', async () => {
  await couples.mirror('q1', { origin: 'client' });
  await couples.read();
  expect(await couples.told()).toMatchObject([
    { kind: 'client_only', cause: 'client_without_rtdb', severity: 'warning' },
  ]);
});

describe('what the triggers logged', () => {
  const missed = (from: Date, to: Date) => ({
    ...{ kind: 'missed_event', cause: 'unknown', at: to },
    detail: {
      gaps: [
        { from_hash: 'x', from_time: from.toISOString(), to_hash: 'y', to_time: to.toISOString() },
      ],
    },
  });
  const row = () =>
    proof.database.query(
      `select cause, resolved_at is not null as is_over from mirror.divergence_log
       where written_before is null order by id`,
    );

  test('a missed event, while the flag was off, is told and over once its leaf agrees', async () => {
    await couples.agree('q1');
    await couples.gap('flag_off', '2 hours', '1 hour');
    const [from, to] = [100, 70].map((minutes) => new Date(Date.now() - minutes * 60_000));
    await couples.logged('q1', missed(from as Date, to as Date));
    await couples.read();
    await couples.age('1 hour');
    await couples.read();
    expect(await row()).toEqual([{ cause: 'flag_disabled', is_over: true }]);
  });

  test('one that nothing explains stays until it cannot come any more', async () => {
    await couples.agree('q1');
    await couples.logged('q1', missed(new Date(Date.now() - 60_000), new Date()));
    await couples.read();
    expect(await row()).toEqual([{ cause: 'unknown', is_over: false }]);
    await couples.age('25 hours');
    await couples.read();
    expect(await row()).toEqual([{ cause: 'retries_exhausted', is_over: true }]);
  });

  test('a refusal is over once its leaf agrees, and stands while it differs', async () => {
    await couples.agree('q1');
    await couples.set('q2', true);
    const refusal = { kind: 'write_rejected', cause: 'rejected', rtdbValue: true };
    await couples.logged('q1', refusal);
    await couples.logged('q2', refusal);
    await couples.read();
    expect((await row()).map(({ is_over: isOver }) => isOver)).toEqual([true, false]);
  });

  test('an overwrite of a day that agrees is over', async () => {
    await couples.agree('q0');
    await couples.logged('q1', { kind: 'ancestor_overwrite', cause: 'ancestor_overwrite' });
    await couples.read();
    expect(await row()).toEqual([{ cause: 'ancestor_overwrite', is_over: true }]);
  });
});

test('evidence is bounded', async () => {
  await readBefore();
  await couples.set('q1', { completedAt: 1_700_000_000_000, note: 'x'.repeat(100_000) });
  await couples.read();
  const [row] = await proof.database.query<{ bytes: number }>(
    `select octet_length(log::text) as bytes from mirror.divergence_log as log where written_before is not null`,
  );
  expect(row?.bytes).toBeLessThan(16_000);
  expect(keysOf('q1').join('/')).toBe((await couples.told())[0]?.ref);
  expect(questCompletions.name).toBe('quest_completions');
});
