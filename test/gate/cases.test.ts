/**
 * Situations in which the first gate passed or failed wrongly (2026-11-27), by their ids. Each was tried with both
 * stores written by hand; here the books say what readings find there.
 */
import { runCommand } from '../support/command';
import { pristineDatabase } from '../support/pristine-database';
import { Books, PILOT } from './support/books';

let books: Books;

beforeEach(async () => {
  books = new Books(await pristineDatabase());
  await books.healthy();
});

const report = async (args: string[] = [], env: Record<string, string> = {}) => {
  const database = { DATABASE_URL: books.database.url };
  const found = await runCommand(['report', ...args], { ...database, ...env });
  return { ...found, sentence: found.out.split('\n')[0] ?? '' };
};

const couple = (n: number) => `couple${n % 30}_x`;

test('all is well', async () => {
  const { code, sentence, errors } = await report();
  expect([code, errors]).toEqual([0, '']);
  expect(sentence).toBe(
    'Ready: 300 of 300 keys written were mirrored, and 3,000 of 3,000 agree (99% asked for).',
  );
});

test('A02: old days are missing, the last two agree: the copy isn’t ready', async () => {
  for (let n = 0; n < 30; n += 1) {
    await books.shard({ shard: couple(n), keys: 1_000 });
    await books.difference({
      ...{ shard: couple(n), keys: 900, cause: 'before_mirroring' },
      ...{ after: null, before: '30 days' },
    });
  }
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('only 10.0000% of all keys agree (3,000 of 30,000)');
});

test('A03: an account is gone in RTDB, Postgres keeps its days: the couple is named', async () => {
  await books.difference({
    shard: 'couple3_x',
    kind: 'missing_in_rtdb',
    keys: 100,
    after: '30 days',
  });
  const { code, out } = await report();
  expect(code).toBe(0);
  expect(out).toContain(
    'left out        quest_completions, copy: couple couple3_x, 100 of 100 keys',
  );
  expect((await report(['--couple', 'couple3_x'])).code).toBe(1);
  // Two such accounts no longer hide.
  await books.difference({
    shard: 'couple4_x',
    kind: 'missing_in_rtdb',
    keys: 100,
    after: '30 days',
  });
  expect((await report()).code).toBe(1);
});

test('A10, A11: columns that don’t follow from the payload count as differing', async () => {
  for (let n = 0; n < 30; n += 1) {
    await books.difference({
      shard: couple(n),
      kind: 'column_mismatch',
      keys: 100,
      after: '30 days',
    });
  }
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('only 0.0000% of all keys agree (0 of 3,000)');
});

test('A14, A15, A16: 40% of today’s leaves in odd places count in both rates', async () => {
  for (let n = 0; n < 30; n += 1) {
    await books.difference({
      shard: couple(n),
      kind: 'invalid_payload',
      cause: 'rejected',
      keys: 7,
    });
  }
  const { code, out } = await report();
  expect(code).toBe(1);
  expect(out).toContain('58.8235%, 300 of 510');
  expect(out).toContain('93.4579%, 3,000 of 3,210');
  expect(out).toContain('explained       copy 100.0000%, mirror 100.0000%');
});

test('A23: settings that name another RTDB are refused', async () => {
  const { code, out, errors } = await report([], {
    RTDB_URL: 'https://staging.firebaseio.com',
  });
  expect([code, out]).toEqual([2, '']);
  expect(errors).toContain('quests.firebaseio.com');
  expect(errors).toContain('staging.firebaseio.com');
});

test('A50: the report names the stores that were read', async () => {
  const { out } = await report();
  expect(out).toContain('RTDB            quests.firebaseio.com');
  expect(out).toMatch(/^Postgres {8}(\S+):\d+\/quest_test_/m);
});

test('A31: mirroring is off since yesterday, and somebody fills the rows hourly', async () => {
  await books.gap('flag_off', '26 hours', null);
  for (let n = 0; n < 30; n += 1) {
    await books.shard({ shard: couple(n), brought: 0 });
    await books.differences(5, () => ({
      shard: couple(n),
      by: 'backfill',
      cause: 'flag_disabled',
    }));
  }
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('mirroring has been off since');
  expect(sentence).toContain('only 0.0000% of keys written were mirrored (0 of 150)');
});

test('A33: rows that somebody removed since the last reading count', async () => {
  for (let n = 0; n < 30; n += 1) await books.directWrites(couple(n), 4, '5 minutes', 100 * n);
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('only 96.0000% of all keys agree (2,880 of 3,000)');
});

test('A54: after a TRUNCATE nothing agrees until it is read', async () => {
  await books.truncated('5 minutes');
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('(0 of 3,000)');
});

test('A54: what was read again since, but not in full, nobody knows', async () => {
  await books.truncated('30 minutes');
  const { code, sentence } = await report();
  expect(code).toBe(2);
  expect(sentence).toMatch(
    /^Can't tell: .*of 3,000 nobody knows yet.*Run `mirror reconcile --full`\.$/,
  );
});

test('A37, A38: late writes of old days that were all lost show in the mirror rate', async () => {
  for (let n = 0; n < 30; n += 1) await books.difference({ shard: couple(n), after: '70 minutes' });
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('only 90.9090% of keys written were mirrored (300 of 330)');
});

test('A39: another window than a day is refused', async () => {
  expect(await report(['--window', '24h'])).toMatchObject({ code: 0 });
  const { code, errors } = await report(['--window', '1h']);
  expect(code).toBe(2);
  expect(errors).toMatch(/^mirror: --window: .*24h.*\n$/);
});

test('A40: nothing was written: nobody can tell', async () => {
  await books.database.query('update mirror.readings set brought = 0');
  const { code, sentence } = await report();
  expect(code).toBe(2);
  expect(sentence).toMatch(/^Can't tell: nothing was written in the last 24 h\./);
});

test('A41: readings that fail leave their keys unknown, and what was found counts', async () => {
  for (let n = 0; n < 30; n += 1) await books.shard({ shard: couple(n), failed: '20 minutes' });
  const failing = await report();
  expect(failing.code).toBe(2);
  expect(failing.out).toContain('RTDB answered 400');
  for (let n = 0; n < 30; n += 1) {
    await books.shard({ shard: couple(n) });
    await books.difference({ shard: couple(n), keys: 17, after: '30 days' });
  }
  expect((await report()).code).toBe(1);
});

test('A42: what a reading of one couple found counts', async () => {
  await books.differences(2, (n) => ({ shard: couple(n), keys: 60, after: '30 days' }));
  expect((await report()).code).toBe(1);
});

test('A43, A44, A45: one couple that can’t be read fails alone, and an empty id is a couple', async () => {
  await books.shard({
    shard: 'a.b_c#d',
    keys: 1,
    read: null,
    full: null,
    counted: null,
    failed: '1 hour',
  });
  await books.shard({ shard: '', keys: 1, brought: 1 });
  await books.difference({ shard: '', kind: 'missing_in_rtdb' });
  const { code, out } = await report();
  expect(code).toBe(0);
  expect(out).toContain("1 can't be read, such as a.b_c#d: RTDB answered 400");
  expect(out).toContain('99.9666%, 3,000 of 3,001 + 1 unknown');
});

test('A48: a bad evening was repaired, and agrees now: ready', async () => {
  await books.differences(90, (n) => ({
    ...{
      shard: couple(n),
      by: 'repair',
      after: '50 hours',
      before: '49 hours',
      resolved: '30 hours',
    },
  }));
  const { code, sentence } = await report();
  expect(code).toBe(0);
  expect(sentence).toMatch(/^Ready/);
});

test('A53: claims for quests that don’t exist are in neither rate', async () => {
  await books.differences(300, (n) => ({
    ...{ shard: 'couple3_x', kind: 'client_only', cause: 'client_without_rtdb' },
    key: books.key('couple3_x', `claim${n}`),
  }));
  expect((await report()).code).toBe(0);
});

// Written, and lost: the contract says Not ready of three in a row. None written: nobody can tell.
test('A55: the newest canary that came is 110 minutes old, and all since were lost', async () => {
  await books.database.query(
    `update mirror.canaries set arrived_at = null where written_at > now() - interval '110 minutes'`,
  );
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toMatch(/^Not ready: \d+ canaries in a row were lost/);
});

test('A55: the newest canary is 110 minutes old, and none has flown since', async () => {
  await books.database.query(
    `delete from mirror.canaries where written_at > now() - interval '110 minutes'`,
  );
  const { code, sentence } = await report();
  expect(code).toBe(2);
  expect(sentence).toMatch(/^Can't tell: the newest canary flew at .*Run `mirror doctor`\.$/);
});

test('A56: an outage that lasts still', async () => {
  await books.gap('outage', '10 minutes', null);
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toContain('Postgres has been out of reach since');
});

test('A59: the explained rate takes from each key what that key’s own cause says', async () => {
  await books.differences(20, (n) => ({ shard: couple(n) }));
  await books.differences(40, (n) => ({
    ...{ shard: couple(n), cause: 'before_mirroring', after: null, before: '20 days' },
  }));
  const { out } = await report();
  // Of 3,000 keys 40 are explained: 2,940 of 2,960.
  expect(out).toContain('explained       copy 99.3243%, mirror 93.7500%');
});

test('A63: 5% of events are lost, and a nightly repair makes them good', async () => {
  await books.differences(15, (n) => ({ shard: couple(n), by: 'repair' }));
  const { code, out } = await report();
  expect(code).toBe(1);
  expect(out).toContain('100.0000%, 3,000 of 3,000');
  expect(out).toContain('95.2380%, 300 of 315');
});

test('A64: readings keep their own time', async () => {
  await books.shard({ shard: 'couple3_x', read: '3 hours' });
  const { code, sentence } = await report();
  expect(code).toBe(2);
  expect(sentence).toContain('the readings are 3 h old, and may be 2 h. So far');
  expect((await report(['--max-age', '4h'])).code).toBe(0);
});

test('A66: couples that nobody has read are known', async () => {
  for (let n = 0; n < 5; n += 1) {
    await books.shard({
      ...{ shard: `new${n}_x`, keys: 0, brought: 0, read: null, full: null, counted: null },
      seen: '10 minutes',
    });
  }
  expect((await report()).out).toContain('5 couples since "verified to"');
  await books.database.query(
    `update mirror.readings set first_seen_at = now() - interval '2 hours'`,
  );
  const { code, sentence } = await report();
  expect(code).toBe(2);
  expect(sentence).toContain('not all couples have been read yet');
});

test('A67: one old key of 24,000 doesn’t hold the gate shut', async () => {
  for (let n = 0; n < 24; n += 1) await books.shard({ shard: couple(n), keys: 1_000 });
  await books.database.query(`delete from mirror.readings where keys < 1000`);
  await books.difference({ shard: 'couple3_x', after: '400 days', before: '20 days' });
  const { code, out } = await report();
  expect(code).toBe(0);
  expect(out).toContain('99.9958%, 23,999 of 24,000');
});

test('mirroring that was off a while ago: nobody can tell yet, and it says until when', async () => {
  await books.gap('flag_off', '20 hours', '192 minutes');
  await books.database.query(`update mirror.readings set full_at = now() - interval '1 hour'`);
  const { code, sentence } = await report();
  expect(code).toBe(2);
  expect(sentence).toMatch(
    /^Can't tell yet: mirroring has been on for 3 h 12 min of the 24 h asked for\. So far 300 of 300 keys written were mirrored, and 3,000 of 3,000 agree\. Ask again after .* UTC: `mirror report`\.$/,
  );
});

test('the worst path answers for all; one alone can be asked', async () => {
  await books.shard({ path: 'lp_awards', shard: 'a_b', keys: 50, brought: 5 });
  await books.difference({ path: 'lp_awards', shard: 'a_b', keys: 5 });
  const { code, sentence } = await report();
  expect(code).toBe(1);
  expect(sentence).toMatch(/^Not ready: lp_awards: only 90\.0000% of all keys agree/);
  expect((await report(['--path', PILOT])).code).toBe(0);
  const unknown = await report(['--path', 'nonsense']);
  expect(unknown.code).toBe(2);
  expect(unknown.errors).toContain('--path: nonsense is not mirrored; there are daily_quests');
});
