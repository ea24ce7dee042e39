import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { WrittenEvent } from '../../functions/src/events/written-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { allDivergences, mirrorPathOn, type TestMirror, writeOf } from '../support/mirror';
import { LP_AWARDS, type LpAward } from './awards/lp-awards';

const REF = 'lp_awards/alice_bob/award_1';
const MIGRATION = readFileSync(join(__dirname, 'lp_awards.sql'), 'utf8');

const award = (amount: number) => ({ amount, awardedAt: Date.parse('2026-12-01T10:00:00Z') });
const write = (id: string, change: Partial<Omit<WrittenEvent, 'id'>> = {}) =>
  writeOf({ id, ref: REF, time: '2026-12-01T12:00:00Z', after: award(10), ...change });

/** What the example of CONTRIBUTING.md gets for a folder and a migration. */
describe('a second mirrored path', () => {
  let database: TestDatabase;
  let rtdb: unknown;
  let under: TestMirror<LpAward>;

  beforeAll(async () => {
    database = await cloneDatabase();
    await database.query(`begin; ${MIGRATION}; commit`);
    under = mirrorPathOn(LP_AWARDS, null, database.url, () => rtdb);
  });

  beforeEach(async () => {
    rtdb = null;
    await database.query('truncate lp_awards, mirror.divergence_log');
  });

  afterAll(async () => {
    await under.store.close();
    await database.drop();
  });

  const rows = () =>
    database.query(
      `select couple_id, award_id, amount, awarded_at = '2026-12-01T10:00:00Z' as is_own_time,
         payload, event_id, deleted_at is not null as is_tombstone
       from lp_awards`,
    );

  test('applied, then duplicate', async () => {
    expect(await under.mirror(write('e1'))).toMatchObject({ outcome: 'applied' });
    expect(await under.mirror(write('e1'))).toMatchObject({ outcome: 'duplicate' });
    expect(await rows()).toEqual([
      {
        couple_id: 'alice_bob',
        award_id: 'award_1',
        amount: 10,
        is_own_time: true,
        payload: award(10),
        event_id: 'e1',
        is_tombstone: false,
      },
    ]);
    expect(await allDivergences(database)).toEqual([]);
  });

  test('a tombstone keeps what it buries, and an older write comes too late', async () => {
    await under.mirror(write('e1'));
    const removal = { time: '2026-12-01T12:00:02Z', before: award(10), after: null };
    expect(await under.mirror(write('e3', removal))).toMatchObject({ outcome: 'applied' });
    const late = write('e2', { time: '2026-12-01T12:00:01Z', after: award(20) });
    expect(await under.mirror(late)).toMatchObject({ outcome: 'stale' });
    expect(await rows()).toMatchObject([
      { amount: 10, payload: null, event_id: 'e3', is_tombstone: true },
    ]);
    expect(await allDivergences(database)).toMatchObject([
      { kind: 'out_of_order', cause: 'race', rtdb_value: award(20) },
    ]);
  });

  test('a tie is settled by what RTDB holds', async () => {
    rtdb = award(30);
    await under.mirror(write('e1'));
    expect(await under.mirror(write('e2', { after: award(20) }))).toMatchObject({
      outcome: 'tied',
    });
    expect(await rows()).toMatchObject([{ amount: 30, event_id: 'e2' }]);
  });

  test.each([
    ['2026-12-01T10:00:00Z', 'unknown', 'warning'],
    ['2026-11-20T10:00:00Z', 'before_mirroring', 'info'],
  ])('an event before the first is missed: award of %s', async (day, cause, severity) => {
    const before = { amount: 5, awardedAt: Date.parse(day) };
    await under.mirror(write('e2', { before, after: null }));
    expect(await allDivergences(database)).toMatchObject([
      { kind: 'missed_event', cause, severity, rtdb_value: before },
    ]);
    expect(await database.query('select couple_id, quest_id from mirror.divergence_log')).toEqual([
      { couple_id: 'alice_bob', quest_id: null },
    ]);
  });

  test.each([
    ['lp_awards/alice_bob', award(1), 'ref'],
    [REF, 'many', 'value'],
    [REF, { amount: 1.5 }, 'value.amount'],
    [REF, { amount: 1, note: 'a\0' }, 'value.note'],
  ])('refused: %s %j', async (ref, after, field) => {
    const outcome = await under.mirror(write('e1', { ref, after }));
    expect(outcome).toMatchObject({ outcome: 'rejected', issues: [{ field }] });
    expect(await rows()).toEqual([]);
    expect(await allDivergences(database)).toMatchObject([{ kind: 'invalid_payload' }]);
  });

  test('what the table refuses fails alone', async () => {
    const other = 'lp_awards/alice_bob/award_2';
    const outcomes = await Promise.all([
      under.mirror(write('e1', { after: award(2 ** 31) })),
      under.mirror(write('e2', { ref: other })),
    ]);
    expect(outcomes).toMatchObject([{ outcome: 'rejected' }, { outcome: 'applied' }]);
    expect(await rows()).toMatchObject([{ award_id: 'award_2', amount: 10 }]);
    expect(await allDivergences(database)).toMatchObject([{ kind: 'write_rejected' }]);
  });

  test('any order and repetition of events ends in the last one’s state', async () => {
    const history = [award(1), null, award(2), award(3), null, award(4)].map((after, index) =>
      write(`e${index}`, { after, time: `2026-12-01T12:00:0${index}Z` }),
    );
    const order = fc.shuffledSubarray([...history, ...history], { minLength: history.length });
    await fc.assert(
      fc.asyncProperty(order, async (events) => {
        await database.query('truncate lp_awards, mirror.divergence_log');
        await Promise.all(events.map((event) => under.mirror(event)));
        const newest = events.reduce((a, b) => (String(a.time) > String(b.time) ? a : b));
        expect(await rows()).toMatchObject([{ payload: newest.after, event_id: newest.id }]);
      }),
      { numRuns: 20 },
    );
  });
});

describe('mirror.create_apply_function', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await cloneDatabase();
    await database.query('create table public.short (id text primary key, payload jsonb)');
  });

  afterAll(() => database.drop());

  const create = (table: string, key: string) =>
    database.query(
      `select mirror.create_apply_function('f', $1::regclass, $2::text[], '{}', 'null', 'null')`,
      [table, key],
    );

  test('names the columns that a table lacks', async () => {
    await expect(create('public.short', '{id}')).rejects.toThrow(
      'public.short lacks columns: origin, event_id, event_time, deleted_at, mirrored_at',
    );
  });

  test('wants the primary key in its order', async () => {
    await expect(
      create('rtdb.quest_completions', '{date_key,couple_id,quest_id,user_id}'),
    ).rejects.toThrow('the primary key of rtdb.quest_completions is (couple_id, date_key,');
  });

  test('is for the owner of the schema', async () => {
    const [row] = await database.query(
      `select has_function_privilege('quest_mirror_writer', p.oid, 'execute') as may
       from pg_proc as p where proname = 'create_apply_function'`,
    );
    expect(row).toEqual({ may: false });
  });
});
