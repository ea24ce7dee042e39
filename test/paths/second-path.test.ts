import fc from 'fast-check';
import type { DeliveredEvent } from '../../functions/src/mirror/delivered-event';
import { lpAwards } from '../../functions/src/paths/lp-awards';
import { eachTwiceInAnyOrder } from '../app/support/any-order';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { allDivergences, mirrorPathOn, type TestMirror, writeOf } from '../support/mirror';

const REF = 'lp_awards/alice_bob/award_1';
const AT = '2026-12-01T10:00:00.000Z';

const award = (amount: number) => ({ amount, timestamp: Date.parse(AT) });
const write = (id: string, change: Partial<Omit<DeliveredEvent, 'id'>> = {}) =>
  writeOf({ id, ref: REF, time: '2026-12-01T12:00:00Z', after: award(10), ...change });

/** What a path gets for a declaration and a migration, without a day and without code of its own. */
let database: TestDatabase;
let rtdb: unknown;
let under: TestMirror;

beforeAll(async () => {
  database = await cloneDatabase();
  under = mirrorPathOn(lpAwards, database.url, () => rtdb);
});

beforeEach(async () => {
  rtdb = null;
  await database.query('truncate rtdb.lp_awards, mirror.divergence_log');
});

afterAll(async () => {
  await under.store.close();
  await database.drop();
});

const rows = () =>
  database.query(
    `select couple_id, award_id, amount, awarded_at, payload, event_id,
       deleted_at is not null as is_tombstone
     from rtdb.lp_awards`,
  );

test('applied, then duplicate', async () => {
  expect(await under.mirror(write('e1'))).toMatchObject({ outcome: 'applied' });
  expect(await under.mirror(write('e1'))).toMatchObject({ outcome: 'duplicate' });
  expect(await rows()).toEqual([
    {
      ...{ couple_id: 'alice_bob', award_id: 'award_1', amount: 10, awarded_at: new Date(AT) },
      ...{ payload: award(10), event_id: 'e1', is_tombstone: false },
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

test('a tombstone that comes first shows what it buried as well', async () => {
  await under.mirror(write('e2', { before: award(10), after: null }));
  expect(await rows()).toMatchObject([{ amount: 10, payload: null, is_tombstone: true }]);
});

test('a tie is settled by what RTDB holds, columns included', async () => {
  rtdb = award(30);
  await under.mirror(write('e1'));
  expect(await under.mirror(write('e2', { after: award(20) }))).toMatchObject({ outcome: 'tied' });
  expect(await rows()).toMatchObject([{ amount: 30, payload: award(30), event_id: 'e2' }]);
});

test.each([
  ['before all was read once', null, 'unknown', 'info'],
  ['after that', '2026-11-01T00:00:00Z', 'unknown', 'warning'],
])('an event before the first is missed: %s', async (_name, passAt, cause, severity) => {
  await database.query(`update mirror.paths set first_pass_at = $1 where path = 'lp_awards'`, [
    passAt,
  ]);
  await under.mirror(write('e2', { before: award(5), after: null }));
  expect(await allDivergences(database)).toMatchObject([
    { kind: 'missed_event', cause, severity, rtdb_value: award(5) },
  ]);
  expect(await database.query('select path, shard, day, key from mirror.divergence_log')).toEqual([
    {
      ...{ path: 'lp_awards', shard: 'alice_bob', day: null },
      key: { couple_id: 'alice_bob', award_id: 'award_1' },
    },
  ]);
});

test('what a constraint of the team’s refuses fails alone', async () => {
  await database.query('alter table rtdb.lp_awards add constraint few check (amount < 1000)');
  const outcomes = await Promise.all([
    under.mirror(write('e1', { after: award(1000) })),
    under.mirror(write('e2', { ref: 'lp_awards/alice_bob/award_2' })),
  ]);
  await database.query('alter table rtdb.lp_awards drop constraint few');
  expect(outcomes).toMatchObject([{ outcome: 'rejected' }, { outcome: 'applied' }]);
  expect(await rows()).toMatchObject([{ award_id: 'award_2', amount: 10 }]);
  expect(await allDivergences(database)).toMatchObject([{ kind: 'write_rejected' }]);
});

test('a drift that could not be recorded is recorded by the redelivery', async () => {
  await database.query(
    `create function public.fail() returns trigger language plpgsql
       as $$ begin raise exception 'full' using errcode = 'disk_full'; end $$;
     create trigger fail before insert on mirror.divergence_log
       for each row execute function public.fail()`,
  );
  const drifting = write('drifting', { after: { amount: 'ten' } });
  await expect(under.mirror(drifting)).rejects.toThrow('full');
  await database.query('drop function public.fail cascade');
  expect(await under.mirror(drifting)).toMatchObject({ outcome: 'duplicate' });
  expect(await allDivergences(database)).toMatchObject([{ kind: 'value_drift', times_seen: 1 }]);
  // And by no other event of that day.
  await under.mirror(write('too', { ref: `${REF}0`, after: { amount: 'ten' } }));
  expect(await allDivergences(database)).toMatchObject([{ kind: 'value_drift', times_seen: 1 }]);
});

test('any order and repetition of events ends in the last one’s state', async () => {
  const states = [null, award(1), null, award(2), award(3), null, award(4)];
  const history = states.slice(1).map((after, index) => {
    const change = { before: states[index] ?? null, after, time: `2026-12-01T12:00:0${index}Z` };
    return write(`e${index}`, change);
  });
  await fc.assert(
    fc.asyncProperty(eachTwiceInAnyOrder(history), async (events) => {
      await database.query('truncate rtdb.lp_awards, mirror.divergence_log');
      await Promise.all(events.map((event) => under.mirror(event)));
      expect(await rows()).toMatchObject([{ payload: award(4), amount: 4, event_id: 'e5' }]);
      const open = await database.query(
        `select kind from mirror.divergence_log
         where kind <> 'out_of_order' and resolved_at is null`,
      );
      expect(open).toEqual([]);
    }),
    { numRuns: 20 },
  );
});
