/**
 * The gate on real stores: RTDB's stand-in and Postgres, the mirror's own write path, its workers and verbs, beside a
 * list of what was lost. Each of these was tried to make it pass, or fail, wrongly.
 */
import { dayBack, type Fate, type KeptWorld, RealWorld, TODAY } from './support/real-world';

const PILOT = 'quest_completions';

let kept: KeptWorld;
let world: RealWorld;

/** 24 couples with a history, of whom all is mirrored and read for 28 hours. */
beforeAll(async () => {
  world = await RealWorld.start();
  for (let n = 0; n < 4; n += 1) {
    await world.writeAll(`old${n}`, () => 'mirrored', { day: dayBack(20 + n) });
  }
  // The other path of the node: else each listing would make the shards due in full.
  for (const couple of world.couples()) {
    const path = ['daily_quests', couple, dayBack(3), 'quests'];
    await world.proof.rtdb.rest.set(path, [{ id: 'a' }]);
  }
  await world.byMirror(
    `insert into rtdb.daily_quests (couple_id, date_key, quest_count, payload, origin, event_time, event_id)
     select 'c' || n || '_x', '${dayBack(3)}', 1, '[{"id": "a"}]', 'rtdb', now(), 'e'
     from generate_series(0, 23) as n`,
  );
  await world.work();
  for (let n = 0; n < 4; n += 1) {
    await world.pass(7);
    await world.writeAll(`h${n}`);
    await world.work();
  }
  kept = await world.keep();
}, 120_000);

beforeEach(async () => {
  world = await RealWorld.from(kept);
}, 30_000);

afterEach(() => world.stop());
jest.setTimeout(60_000);

const everyThird = (n: number): Fate => (n % 3 === 0 ? 'lost' : 'mirrored');

/** An hour passes, and all that is due is read. */
const anHour = async () => {
  await world.pass(1);
  const { failures } = await world.work();
  expect(failures).toEqual([]);
};

/** What the gate says of the pilot: the verdict, and both rates as counts. */
const gate = async (...args: string[]) => {
  const { verdict, pilot } = await world.report('--path', PILOT, ...args);
  const known = (rate?: { total: number; differing: number; unknown: number }) =>
    rate && `${rate.total - rate.differing - rate.unknown} of ${rate.total - rate.unknown}`;
  return {
    ...{ verdict, copy: known(pilot?.copy), mirror: known(pilot?.mirror) },
    unknown: { copy: pilot?.copy.unknown, mirror: pilot?.mirror.unknown },
  };
};

/** The same, by who holds both exports and the list. */
const truth = async () => {
  const { keys, agree, written, brought } = await world.truth();
  return { copy: `${agree} of ${keys}`, mirror: `${brought} of ${written}` };
};

const NONE = { copy: 0, mirror: 0 };

test('all is well', async () => {
  expect(await gate()).toEqual({ verdict: 'ready', ...(await truth()), unknown: NONE });
});

test.each<[string, () => Promise<unknown>]>([
  ['seen, and repaired', async () => [await anHour(), await world.verb('repair', '--write')]],
  ['repaired before anybody saw it', () => world.verb('repair', '--write')],
  [
    'filled before anybody saw it',
    () => world.verb('backfill', '--from', dayBack(1), '--to', TODAY),
  ],
  [
    'claimed by the phones',
    () =>
      world.byMirror(
        `insert into rtdb.quest_completions
           (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time)
         select 'c' || n || '_x', '${TODAY}', 'w', 'x', 'c' || n, now(), 'true', 'client', '-infinity'
         from generate_series(0, 23, 3) as n`,
      ),
  ],
])('what was lost stays lost: %s', async (_case, putRight) => {
  await world.writeAll('w', everyThird);
  await putRight();
  await anHour();
  await anHour();
  const { copy: _, mirror } = await truth();
  expect(await gate()).toMatchObject({ verdict: 'not_ready', mirror, unknown: NONE });
});

test('what somebody put right by hand before anybody saw it: nobody can tell', async () => {
  await world.writeAll('w', everyThird);
  await world.sql(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time)
     select 'c' || n || '_x', '${TODAY}', 'w', 'x', 'c' || n, now(), 'true',
       case when n % 2 = 0 then 'rtdb' else 'backfill' end, now()
     from generate_series(0, 23, 3) as n`,
  );
  await anHour();
  const told = {
    ...{ verdict: 'cannot_tell', copy: '216 of 216', mirror: '112 of 112' },
    unknown: { copy: 0, mirror: 8 },
  };
  expect(await gate()).toEqual(told);
  await anHour();
  expect(await gate()).toMatchObject({ verdict: 'cannot_tell', unknown: { copy: 0, mirror: 8 } });
});

test('rows that somebody removed and put back are no loss of the mirror', async () => {
  await world.sql(`delete from rtdb.quest_completions where quest_id = 'h1'`);
  expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '168 of 192' });
  await anHour();
  expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '168 of 192' });
  await world.sql(
    `insert into rtdb.quest_completions
       (couple_id, date_key, quest_id, user_id, partner_id, completed_at, payload, origin, event_time)
     select 'c' || n || '_x', '${TODAY}', 'h1', 'x', 'c' || n, now(), 'true', 'rtdb', now()
     from generate_series(0, 23) as n`,
  );
  await anHour();
  expect(await gate()).toMatchObject({ verdict: 'ready', copy: '192 of 192', unknown: NONE });
});

test('a column of the team’s own, written over and over, is no write past the mirror', async () => {
  await world.sql('alter table rtdb.quest_completions add column is_synced boolean');
  await world.sql('update rtdb.quest_completions set is_synced = true');
  expect(await gate()).toMatchObject({ verdict: 'ready', copy: '192 of 192' });
  await world.sql(`update rtdb.quest_completions set completed_at = now() where quest_id = 'h1'`);
  expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '168 of 192' });
});

describe('couples that sign up and lose what they wrote', () => {
  const signUp = async (keys: number) => {
    for (let n = 0; n < 8; n += 1) {
      for (let k = 0; k < keys; k += 1) {
        await world.write(`first${k}`, true, 'lost', { couple: `new${n}_x` });
      }
    }
  };

  test.each([1, 5])('%i keys each, read again and repaired', async (keys) => {
    await signUp(keys);
    await anHour();
    expect(await gate()).toEqual({ verdict: 'not_ready', ...(await truth()), unknown: NONE });
    await anHour();
    const { copy: _, ...again } = await truth();
    expect(await gate()).toMatchObject({ verdict: 'not_ready', ...again });
    await world.verb('repair', '--write');
    await anHour();
    const { mirror } = await truth();
    expect(await gate()).toMatchObject({ verdict: 'not_ready', mirror });
  });
});

test('what was lost while nobody read for two days counts until it is a day old', async () => {
  await world.pass(50);
  await world.writeAll('w', everyThird);
  await world.work();
  expect((await gate()).verdict).toBe('not_ready');
  await world.verb('repair', '--write');
  await anHour();
  await anHour();
  // Written within two days, of which nobody knows more.
  expect(await gate()).toMatchObject({ verdict: 'cannot_tell', unknown: { mirror: 8 } });
});

describe('days that no calendar of ours has', () => {
  test('a phone whose clock is days ahead, all lost', async () => {
    await world.writeAll('ahead', everyThird, { day: dayBack(-5) });
    await anHour();
    expect(await gate()).toEqual({ verdict: 'not_ready', ...(await truth()), unknown: NONE });
  });

  test.each(['2569-11-27', '1405-09-06', '20261127'])(
    'a phone that writes %s: refused, and found within the hour',
    async (day) => {
      await world.writeAll('odd', () => 'mirrored', { day });
      await anHour();
      expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '192 of 216' });
      // Once it is gone it counts no more.
      for (const couple of world.couples()) {
        await world.proof.rtdb.rest.set(['daily_quests', couple, day], null);
      }
      await world.verb('reconcile', '--full');
      expect(await gate()).toMatchObject({ copy: '192 of 192' });
    },
  );

  test('leaves one level too high', async () => {
    for (const couple of world.couples().slice(0, 10)) {
      await world.proof.rtdb.rest.set(['daily_quests', couple, 'completions', 'q', 'x'], true);
    }
    await anHour();
    expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '192 of 202' });
    for (const couple of world.couples().slice(0, 10)) {
      await world.proof.rtdb.rest.set(['daily_quests', couple, 'completions'], null);
    }
    await anHour();
    expect(await gate()).toMatchObject({ copy: '192 of 192' });
  });
});

test('updates and removals that were lost', async () => {
  await Promise.all(
    world.couples().map((couple, n) => {
      const value = n % 2 === 0 ? { completedAt: Date.now() } : null;
      return world.write('h3', value, everyThird(n), { couple });
    }),
  );
  await anHour();
  expect(await gate()).toEqual({ verdict: 'not_ready', ...(await truth()), unknown: NONE });
});

test('events that come a while later are no loss', async () => {
  const deliveries = await Promise.all(
    world.couples().map((couple) => world.write('slow', true, 'lost', { couple })),
  );
  await anHour();
  expect((await gate()).verdict).toBe('not_ready');
  for (const deliver of deliveries) await deliver();
  await anHour();
  expect(await gate()).toEqual({
    ...{ verdict: 'ready', copy: '216 of 216', mirror: '120 of 120', unknown: NONE },
  });
});

test('hundreds lost in three couples share rows, and count when they are filled', async () => {
  for (const couple of ['c1_x', 'c2_x', 'c3_x']) {
    await Promise.all(
      Array.from({ length: 120 }, (_, n) => world.write(`g${n}`, true, 'lost', { couple })),
    );
  }
  await anHour();
  expect(await gate()).toEqual({ verdict: 'not_ready', ...(await truth()), unknown: NONE });
  await world.verb('backfill', '--from', dayBack(1), '--to', TODAY);
  await anHour();
  expect(await gate()).toEqual({ verdict: 'not_ready', ...(await truth()), unknown: NONE });
});

test('a heavy couple that agrees hides nothing, and one that loses all decides nothing', async () => {
  await Promise.all(Array.from({ length: 300 }, (_, n) => world.write(`s${n}`, true)));
  await world.writeAll('w', (n) => (n === 5 ? 'lost' : 'mirrored'));
  await anHour();
  expect((await gate()).verdict).toBe('ready');
  expect((await gate('--couple', 'c5_x')).verdict).toBe('not_ready');
  expect((await gate('--couple', 'c6_x')).verdict).toBe('ready');
  await world.writeAll('v', (n) => (n % 6 === 1 ? 'lost' : 'mirrored'));
  await anHour();
  expect((await gate()).verdict).toBe('not_ready');
});

test('RTDB is put back to an earlier state', async () => {
  const before = await world.proof.rtdb.rest.get(['daily_quests']);
  await world.writeAll('r');
  await anHour();
  await world.proof.rtdb.rest.set(['daily_quests'], before as never);
  await world.sql(
    `insert into mirror.coverage (from_at, to_at, reason)
     values (now() - interval '1 minute', now(), 'restored')`,
  );
  expect(await gate()).toMatchObject({ verdict: 'cannot_tell', unknown: { copy: 216 } });
  await anHour();
  expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '192 of 216' });
  await world.verb('repair', '--write', '--bury', '24');
  await anHour();
  expect(await gate()).toMatchObject({ verdict: 'ready', copy: '192 of 192' });
});

test('accounts that are removed while the events are lost', async () => {
  for (const couple of ['c1_x', 'c2_x', 'c3_x']) {
    await world.proof.rtdb.rest.set(['daily_quests', couple], null);
  }
  await anHour();
  expect(await gate()).toMatchObject({ verdict: 'not_ready', copy: '168 of 192' });
  await world.verb('repair', '--write', '--bury', '100');
  await anHour();
  expect((await gate()).verdict).toBe('not_ready');
});

test('a purge takes nothing that the gate reads', async () => {
  await world.writeAll('w', everyThird);
  await anHour();
  await world.verb('repair', '--write');
  await anHour();
  const before = await gate();
  expect(before.verdict).toBe('not_ready');
  expect((await world.verb('purge', '--older-than', '2d')).code).toBe(0);
  expect(await gate()).toEqual(before);
});
