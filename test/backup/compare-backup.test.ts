import { Readable } from 'node:stream';
import fc from 'fast-check';
import { readBackup } from '../../functions/src/backup/backup-file';
import { compareBackup, type PathComparison } from '../../functions/src/backup/compare-backup';
import { compareRtdbKeys } from '../../functions/src/backup/key-order';
import { openTables } from '../../functions/src/backup/open-tables';
import { CopyFormatError, parseRow } from '../../functions/src/backup/table-row';
import { dailyQuests } from '../../functions/src/paths/daily-quests';
import { lpAwards } from '../../functions/src/paths/lp-awards';
import type { MirroredPath } from '../../functions/src/paths/mirrored-path';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import type { Json } from '../../functions/src/values/json';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.query('truncate rtdb.lp_awards, rtdb.quest_completions'));

type Award = readonly [couple: string, award: string, value: Json];

async function insertAwards(awards: readonly Award[]): Promise<void> {
  await database.query(
    `insert into rtdb.lp_awards (couple_id, award_id, payload, origin, event_id, event_time)
     select couple_id, award_id, payload::jsonb, 'rtdb', 'e-' || award_id, '2026-11-01 12:00:00.123456Z'
     from unnest($1::text[], $2::text[], $3::text[]) as awards (couple_id, award_id, payload)`,
    [0, 1, 2].map((at) => awards.map((award) => (at === 2 ? JSON.stringify(award[2]) : award[at]))),
  );
}

function streamOf(json: string): Readable {
  return Readable.from([Buffer.from(json)]);
}

/** A file whose keys stand as they are given: JSON.stringify would put integers first. */
function fileOf(awards: readonly Award[]): string {
  const shards = new Map<string, string[]>();
  for (const [couple, award, value] of awards) {
    const leaves = shards.get(couple) ?? [];
    shards.set(couple, [...leaves, `${JSON.stringify(award)}:${JSON.stringify(value)}`]);
  }
  const text = [...shards].map(([shard, leaves]) => `${JSON.stringify(shard)}:{${leaves}}`);
  return `{"lp_awards":{${text}}}`;
}

async function compared(json: string, paths: readonly MirroredPath[], maxHeld?: number) {
  const tables = openTables({ connectionString: database.url });
  const found: PathComparison[] = [];
  const ended: string[] = [];
  try {
    for await (const part of compareBackup(readBackup(streamOf(json), paths), tables, maxHeld)) {
      if (part.shard === null) ended.push(part.path.name);
      else found.push(part);
    }
  } finally {
    await tables.close();
  }
  expect(ended.sort()).toEqual(paths.map(({ name }) => name).sort());
  return found;
}

/** Each key once: the file's value and the row's. */
function sidesOf(found: readonly PathComparison[]): string[] {
  const pairs = found.flatMap((part) => part.pairs);
  return pairs
    .map(({ leaf, row }) => {
      const key = (leaf ?? row)?.parts.join('/');
      return `${key}: ${JSON.stringify(leaf?.value)} ${JSON.stringify(row?.payload)}`;
    })
    .sort();
}

function expectedSides(file: readonly Award[], rows: readonly Award[]): string[] {
  const keyOf = ([couple, award]: Award) => `${couple}/${award}`;
  const sides = [file, rows].map((side) => new Map(side.map((each) => [keyOf(each), each[2]])));
  const keys = new Set([...file, ...rows].map(keyOf));
  return [...keys]
    .map((key) => `${key}: ${sides.map((side) => `${JSON.stringify(side.get(key))}`).join(' ')}`)
    .sort();
}

test('pairs what both sides hold, and tells what one lacks', async () => {
  const rows: Award[] = [
    ['a_b', 'x', { amount: 1 }],
    ['a_b', 'y', true],
    ['only-table', 'z', 'tab\t, line\n, back\\slash, é😀'],
    ['z_z', 'w', 1],
  ];
  const file: Award[] = [
    ['a_b', 'x', { amount: 2 }],
    ['only-file', 'z', [1, 2]],
    ['z_z', 'v', 3],
    ['z_z', 'w', 1],
  ];
  await insertAwards(rows);
  expect(sidesOf(await compared(fileOf(file), [lpAwards]))).toEqual(expectedSides(file, rows));
});

test('a row shows its version, its origin and when it came; a tombstone has no payload', async () => {
  await insertAwards([['a_b', 'x', { amount: 1 }]]);
  await database.query(
    `update rtdb.lp_awards set payload = null, deleted_at = '2026-11-02 00:00:00Z',
       mirrored_at = '2026-11-02 00:00:01.5Z'`,
  );
  const [part] = await compared('{}', [lpAwards]);
  const row = part?.pairs[0]?.row;
  const { payload, origin, eventId, eventTime, isTombstone, mirroredAt } = row ?? {};
  expect({ payload, origin, eventId, eventTime, isTombstone, mirroredAt }).toEqual({
    payload: null,
    origin: 'rtdb',
    eventId: 'e-x',
    eventTime: '2026-11-01T12:00:00.123456Z',
    isTombstone: true,
    mirroredAt: '2026-11-02T00:00:01.500000Z',
  });
});

test('two paths in one tree are compared side by side, and one that the file lacks as well', async () => {
  await insertAwards([['a_b', 'x', 1]]);
  const day = '{"completions":{"q":{"a":true}},"quests":[{"id":"q"}]}';
  const json = `{"daily_quests":{"a_b":{"2026-11-01":${day}}}}`;
  const found = await compared(json, [questCompletions, dailyQuests, lpAwards]);
  const names = found.map(({ path, shard }) => `${path.name} ${shard}`);
  expect(names.sort()).toEqual(['daily_quests a_b', 'lp_awards a_b', 'quest_completions a_b']);
});

const key = fc.oneof(
  fc.constantFrom('1', '2', '9', '10', '100', '-1', '007', '7', '2147483648', '-', '0x'),
  fc.constantFrom('a', 'B', '_x', 'é', '\uffee', '😀', '__proto__', 'zz'),
);
const award = fc.tuple(key, key, fc.integer()) satisfies fc.Arbitrary<Award>;
const awards = fc.uniqueArray(award, { selector: ([a, b]) => `${a}/${b}`, maxLength: 60 });

test('every key comes once, whatever the order of the file', async () => {
  await fc.assert(
    fc.asyncProperty(awards, awards, fc.boolean(), async (file, rows, isSorted) => {
      await database.query('truncate rtdb.lp_awards');
      await insertAwards(rows);
      const inOrder = isSorted
        ? [...file].sort((a, b) => compareRtdbKeys(a[0], b[0]) || compareRtdbKeys(a[1], b[1]))
        : file;
      const found = await compared(fileOf(inOrder), [lpAwards]);
      expect(sidesOf(found)).toEqual(expectedSides(file, rows));
      const shards = found.filter(({ isLast }) => isLast).map(({ shard }) => shard);
      expect(new Set(shards).size).toBe(shards.length);
    }),
    { numRuns: 60 },
  );
});

test('a file too far from RTDB’s order to be followed is refused, not misread', async () => {
  await insertAwards(['a', 'b', 'c', 'd', 'e', 'f'].map((couple) => [couple, 'x', 1]));
  const file: Award[] = ['d', 'e', 'f', 'a'].map((couple) => [couple, 'x', 1]);
  expect(sidesOf(await compared(fileOf(file), [lpAwards]))).toHaveLength(6);
  await expect(compared(fileOf(file), [lpAwards], 1)).rejects.toThrow(
    "the keys below lp_awards/{coupleId}/{awardId} are not in RTDB's order: a comes too late",
  );
});

test('a shard of 100,000 leaves is compared in parts', async () => {
  await database.query(
    `set mirror.writer = 'on';
     insert into rtdb.lp_awards (couple_id, award_id, payload, origin, event_id, event_time)
     select 'a_b', 'k' || lpad(n::text, 6, '0'), to_jsonb(n), 'rtdb', 'e-' || n, now()
     from generate_series(0, 99999) as n`,
  );
  const file = Array.from(
    { length: 100_000 },
    (_, n): Award => ['a_b', `k${String(n).padStart(6, '0')}`, n],
  );
  const pairs = file.map(([, award, n]) => `${JSON.stringify(award)}:${n}`).join();
  const found = await compared(`{"lp_awards":{"a_b":{${pairs}}}}`, [lpAwards]);
  expect(Math.max(...found.map((part) => part.pairs.length))).toBeLessThanOrEqual(2_000);
  const whole = found.flatMap((part) => part.pairs);
  expect(whole).toHaveLength(100_000);
  expect(whole.every(({ leaf, row }) => leaf !== null && leaf.value === row?.payload)).toBe(true);
});

test('a server that goes away fails the comparison, after the rows that came', async () => {
  await database.query(
    `set mirror.writer = 'on';
     insert into rtdb.lp_awards (couple_id, award_id, payload, origin, event_id, event_time)
     select 'a_b', n, to_jsonb(repeat('x', 1000)), 'rtdb', 'e-' || n, now()
     from generate_series(1, 50000) as n`,
  );
  const tables = openTables({ connectionString: database.url, application_name: 'goes-away' });
  const rows = await tables.open(lpAwards);
  await rows.arrival();
  await database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'goes-away'",
  );
  const reading = (async () => {
    for (let taken = 0; ; taken += 1) {
      if (rows.peek() === null) return taken;
      if (rows.peek() === undefined) await rows.arrival();
      else rows.take();
    }
  })();
  await expect(reading).rejects.toThrow(/terminat/);
  await tables.close();
});

test('keys are ordered as RTDB orders them', () => {
  const keys = ['-2147483648', '-1', '1', '01', '2', '10', '2147483648', 'a', '\uffee', '😀'];
  const mixed = [...keys].reverse();
  expect(mixed.sort(compareRtdbKeys)).toEqual(keys);
});

test.each([
  ['a\tb', 'COPY sent 2 columns; expected 8'],
  ['a\tb\ttrue\trtdb\te\t-infinity\t\\N\t\\N\textra', 'COPY sent 9 columns; expected 8'],
  ['\\N\tb\ttrue\trtdb\te\t-infinity\t\\N\t\\N', 'COPY sent a null in a key'],
  ['a\\x\tb\ttrue\trtdb\te\t-infinity\t\\N\t\\N', 'COPY sent the escape \\x'],
])('the line %j is refused: %s', (line, complaint) => {
  expect(() => parseRow(line, 2)).toThrow(new CopyFormatError(complaint));
});
