import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorOn, REF, type TestMirror, writeOf } from '../support/mirror';

const MAX_ROW_BYTES = 64 * 1024;

let database: TestDatabase;
let under: TestMirror;

beforeAll(async () => {
  database = await cloneDatabase();
  under = mirrorOn(database.url);
});

beforeEach(() => database.query('truncate rtdb.quest_completions, mirror.divergence_log'));

afterAll(async () => {
  await under.store.close();
  await database.drop();
});

const at = (n: number) => new Date(Date.UTC(2025, 10, 19, 12, 0, n)).toISOString();

async function largestRow(): Promise<number> {
  const [row] = await database.query<{ bytes: number }>(
    'select max(octet_length(to_jsonb(log)::text)) as bytes from mirror.divergence_log as log',
  );
  return row?.bytes ?? 0;
}

const open = (kind: string) =>
  database.query<{ ref: string; times_seen: number; detail: Record<string, unknown> }>(
    `select ref, times_seen, detail from mirror.divergence_log
     where kind = $1 and resolved_at is null order by length(ref), ref`,
    [kind],
  );

describe('a missed event', () => {
  /** Every second write of a leaf: before each of them one is missing. */
  const before = (n: number) => (n === 1 ? null : n - 1);
  const gapAt = (n: number) => writeOf({ id: `e${n}`, before: before(n), after: n, time: at(n) });
  const lateAt = (n: number) => writeOf({ ...gapAt(n), id: `l${n}` });

  test('keeps few gaps, and is not taken for resolved once some were dropped', async () => {
    for (let n = 2; n <= 42; n += 2) await under.mirror(gapAt(n));
    const [row] = await open('missed_event');
    expect(row).toMatchObject({ times_seen: 21, detail: { gaps_dropped: 5 } });
    expect(row?.detail.gaps).toHaveLength(16);
    for (let n = 1; n <= 41; n += 2) await under.mirror(lateAt(n));
    expect(await open('missed_event')).toMatchObject([{ detail: { gaps: [], gaps_dropped: 5 } }]);
  });

  test('is resolved by its last event where all gaps were kept, whatever their values', async () => {
    const value = (n: number) => (n === 0 ? null : { completedAt: n, note: `${n}`.repeat(20_000) });
    const write = (id: string, n: number) =>
      writeOf({ id, before: value(n - 1), after: value(n), time: at(n) });
    for (const n of [2, 4]) await under.mirror(write(`e${n}`, n));
    expect(await open('missed_event')).toMatchObject([{ detail: { gaps: [{}, {}] } }]);
    expect(await largestRow()).toBeLessThan(MAX_ROW_BYTES);
    await under.mirror(write('l1', 1));
    expect(await open('missed_event')).toMatchObject([{ detail: { gaps: [{}] } }]);
    await under.mirror(write('l3', 3));
    expect(await open('missed_event')).toEqual([]);
  });

  test('stays small however often it is seen', async () => {
    for (let n = 2; n <= 400; n += 2) await under.mirror(gapAt(n));
    expect(await largestRow()).toBeLessThan(8 * 1024);
    for (let n = 399; n > 1; n -= 2) await under.mirror({ ...lateAt(n), before: 'other' });
    expect(await largestRow()).toBeLessThan(8 * 1024);
  });
});

describe('refused writes', () => {
  const refused = (n: number, more = {}) =>
    writeOf({ id: `e${n}`, ref: REF.replace('quest_1', `quest_${n}`), after: 'no', ...more });

  test('of one couple beyond a hundred share a row, which counts them', async () => {
    for (let start = 0; start < 300; start += 50) {
      const batch = Array.from({ length: 50 }, (_, n) => refused(start + n));
      await Promise.all(batch.map((event) => under.mirror(event)));
    }
    await under.mirror(refused(1_000, { ref: REF.replace('alice_bob', 'bob_carol') }));
    const [summary, ...rows] = await open('invalid_payload');
    expect(rows).toHaveLength(101);
    expect(summary).toMatchObject({
      ref: 'daily_quests/alice_bob',
      times_seen: 200,
      detail: { is_summary: true, latest_ref: expect.stringContaining('quest_') },
    });
    // A leaf that has a row of its own is still counted there.
    await under.mirror(refused(0, { id: 'again' }));
    const [own] = (await open('invalid_payload')).filter(({ ref }) => ref.includes('quest_0/'));
    expect(own?.times_seen).toBe(2);
  });

  test('delivered again are not counted again in the shared row', async () => {
    const events = Array.from({ length: 102 }, (_, n) => refused(n));
    await Promise.all(events.map((event) => under.mirror(event)));
    const [before] = await open('invalid_payload');
    for (const event of events) await under.mirror(event);
    const [after] = await open('invalid_payload');
    expect(before).toMatchObject({ ref: 'daily_quests/alice_bob', times_seen: 2 });
    expect(after).toMatchObject({ ref: 'daily_quests/alice_bob', times_seen: 2 });
  });

  test('keep keys, messages and writers of any length short', async () => {
    const long = 'k\u0000'.repeat(20_000);
    await under.mirror(
      writeOf({
        id: 'i'.repeat(20_000),
        ref: REF.replace('quest_1', long),
        after: { completedAt: 1, [long]: long },
        authType: 'app_user',
        authId: 'a'.repeat(20_000),
      }),
    );
    expect(await open('invalid_payload')).toHaveLength(1);
    expect(await largestRow()).toBeLessThan(MAX_ROW_BYTES);
  });

  test('keep what a trigger of the team says short', async () => {
    await database.query(`
      create function public.refuse() returns trigger language plpgsql as $$
      begin
        raise exception using errcode = '23514', message = repeat('x', 1000000);
      end $$`);
    await database.query(
      `create trigger refuse before insert on rtdb.quest_completions
       for each row execute function public.refuse()`,
    );
    try {
      await under.mirror(writeOf({ id: 'e1' }));
    } finally {
      await database.query('drop function public.refuse() cascade');
    }
    expect(await open('write_rejected')).toMatchObject([
      { detail: { message: expect.stringMatching(/^x+/) } },
    ]);
    expect(await largestRow()).toBeLessThan(MAX_ROW_BYTES);
  });
});

test('a large value that someone writes past the mirror is noted by its head', async () => {
  await database.query(
    `insert into rtdb.quest_completions (couple_id, date_key, quest_id, user_id, completed_at, payload,
       origin, event_time)
     values ('a_b', '2025-11-19', 'q', 'a', now(), to_jsonb(repeat('x', 1000000)), 'rtdb', now())`,
  );
  const [row] = await database.query<{ payload: unknown }>(
    `select new_payload as payload from mirror.direct_writes where shard = 'a_b'`,
  );
  expect(row?.payload).toMatchObject({ truncated: true, bytes: 1_000_002 });
});
