import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';

const UUID = '4cdfec06-4a31-4282-bf15-1e3ad08153f3';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quest-mirror-identities-'));
});

afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  database = await pristineDatabase();
});

const importing = async (csv: string | Readable, ...options: string[]) =>
  runCommand(['identities', 'import', '-', ...options], { DATABASE_URL: database.url }, csv);

const csvOf = (...lines: string[]) => `rtdb_user_id,app_user_id\n${lines.join('\n')}\n`;

const identities = async () => {
  const rows = await database.query<{ rtdb_user_id: string; app_user_id: string }>(
    'select rtdb_user_id, app_user_id from mirror.identities order by rtdb_user_id',
  );
  return Object.fromEntries(rows.map((row) => [row.rtdb_user_id, row.app_user_id]));
};

test('without --write it counts and writes nothing', async () => {
  const { code, out, errors } = await importing(csvOf('phone-1,ann', 'phone-2,bob'));
  expect([code, errors]).toEqual([0, '']);
  expect(out).toBe('A dry run: 2 added, 0 changed, 0 unchanged. --write writes.\n');
  expect(await identities()).toEqual({});
});

test('--write writes; again it changes nothing; one user may have several ids', async () => {
  const csv = csvOf('phone-1,ann', 'phone-2,ann', 'phone-3,bob');
  expect((await importing(csv, '--write')).out).toBe('Written: 3 added, 0 changed, 0 unchanged.\n');
  expect((await importing(csv, '--write')).out).toBe('Written: 0 added, 0 changed, 3 unchanged.\n');
  const { out } = await importing(csvOf('phone-3,carl', 'phone-1,ann'), '--write', '--json');
  expect(JSON.parse(out)).toEqual({
    ...{ added: 0, changed: 1, unchanged: 1, erased: 0, written: true },
    bad: [],
  });
  expect(await identities()).toEqual({ 'phone-1': 'ann', 'phone-2': 'ann', 'phone-3': 'carl' });
});

test('a file: quotes, a byte order mark, further columns, other line ends, letters of a UUID', async () => {
  const file = join(folder, 'users.csv');
  const id = 'b1FAKE_gq:APA91b "x", y';
  await writeFile(
    file,
    `\uFEFFname,APP_USER_ID,rtdb_user_id\r\n"Ann, B.",${UUID.toUpperCase()},"b1FAKE_gq:APA91b ""x"", y"\r\n`,
  );
  const { code } = await runCommand(['identities', 'import', file, '--write'], {
    DATABASE_URL: database.url,
  });
  expect(code).toBe(0);
  expect(await identities()).toEqual({ [id]: UUID });
});

test('bad lines are named with what was expected, and nothing is written', async () => {
  const { code, out, errors } = await importing(
    csvOf(
      'phone-1,ann',
      'a/b,bob',
      ',bob',
      'phone-2,',
      'phone-3',
      '',
      'canary,bob',
      `${'x'.repeat(769)},bob`,
      'phone-1,bob',
      'phone-4,phone-1',
      'phone-1,ann',
    ),
    '--write',
  );
  expect(code).toBe(1);
  expect(errors.split('\n').sort()).toEqual(
    [
      '',
      '- line 3: rtdb_user_id: expected a key of RTDB, without . $ # [ ] / and control characters',
      '- line 4: rtdb_user_id: expected an id, not nothing',
      '- line 5: app_user_id: expected an id, not nothing',
      '- line 6: expected 2 fields, as in line 1, not 1',
      '- line 8: rtdb_user_id: this id is reserved for the canary',
      '- line 9: rtdb_user_id: expected at most 768 bytes',
      '- line 10: rtdb_user_id: an earlier line gives this id to another app_user_id',
      '- line 11: expected ids that mean one person: an rtdb_user_id that is also an app_user_id must be its own',
    ]
      .concat(
        [2, 12].map(
          (line) =>
            `- line ${line}: expected ids that mean one person: an rtdb_user_id that is also an app_user_id must be its own`,
        ),
      )
      .sort(),
  );
  expect(out).toMatch(/^Nothing was written: 10 bad lines/);
  expect(await identities()).toEqual({});
});

test("an id that is another person's is refused across imports, too; one's own is not", async () => {
  await importing(csvOf('ann,ann', 'phone-1,ann', 'phone-2,bob'), '--write');
  for (const line of ['ann,carl', 'bob,carl', 'phone-3,phone-2']) {
    const { code, errors } = await importing(csvOf(line), '--write');
    expect([code, errors]).toEqual([
      1,
      expect.stringMatching(/line 2: expected ids that mean one/),
    ]);
  }
  expect(await identities()).toEqual({ ann: 'ann', 'phone-1': 'ann', 'phone-2': 'bob' });
});

test.each([
  ['', /line 1: expected the columns' names/],
  ['phone-1,ann\n', /line 1: expected the columns' names/],
  ['rtdb_user_id;app_user_id\nphone-1;ann\n', /separated by commas/],
])('a file that begins with %j is exit 2', async (csv, message) => {
  const { code, errors } = await importing(csv);
  expect([code, errors]).toEqual([2, expect.stringMatching(message)]);
});

test('a quote that never ends is a bad line; a file that is not there, and two modes, are exit 2', async () => {
  const { code, errors } = await importing(csvOf('phone-1,ann', '"phone-2,ann'), '--write');
  expect([code, errors]).toEqual([1, expect.stringMatching(/line \d+: expected CSV: CSV_/)]);
  const env = { DATABASE_URL: database.url };
  const missing = await runCommand(['identities', 'import', join(folder, 'none.csv')], env);
  expect([missing.code, missing.errors]).toEqual([2, expect.stringMatching(/none\.csv: ENOENT/)]);
  expect((await importing('', '--write', '--dry-run')).code).toBe(2);
});

test('many lines are read as they come: 50,000 within 40 MB, and doubles across batches are found', async () => {
  const count = 50_000;
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  const source = Readable.from(
    (function* () {
      yield 'rtdb_user_id,app_user_id\n';
      for (let from = 0; from < count; from += 1_000) {
        most = Math.max(most, process.memoryUsage().heapUsed);
        const lines = Array.from(
          { length: 1_000 },
          (_, n) => `phone-${from + n},user-${from + n}\n`,
        );
        yield lines.join('');
      }
      yield 'phone-7,user-8\n';
    })(),
  );
  const { code, errors } = await importing(source);
  expect([code, errors]).toEqual([
    1,
    expect.stringMatching(`line ${count + 2}: rtdb_user_id: an e`),
  ]);
  expect((most - before) / 2 ** 20).toBeLessThan(40);
});
