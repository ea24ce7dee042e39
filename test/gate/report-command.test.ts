import { judgeAndNote } from '../../functions/src/gate/read-gate';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { emptyDatabase } from '../integration/support/empty-database';
import { runCommand } from '../support/command';
import { type Fault, type FaultyRtdb, startFaultyRtdb } from '../support/faulty-rtdb';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { Books } from './support/books';

let books: Books;

beforeEach(async () => {
  books = new Books(await pristineDatabase());
});

const report = (...args: string[]) =>
  runCommand(['report', ...args], { DATABASE_URL: books.database.url });

const reportJson = async (...args: string[]) => {
  const { code, out } = await report(...args, '--json');
  return { code, ...JSON.parse(out) };
};

/** What the reconciler logs and keeps. */
const note = async () => {
  const lines: unknown[] = [];
  await judgeAndNote(books.database.statements, PROOF_TIMES, (fields) => void lines.push(fields));
  return lines;
};

test('a database that was migrated and nothing else: nobody can tell yet', async () => {
  const { code, out } = await report();
  expect(code).toBe(2);
  // Paths are named where their times differ: on either side of a minute they may.
  expect(out.split('\n')[0]).toMatch(
    /^Can't tell yet: (?:[\w, ]+: )?mirroring has been on for \d+ (?:s|min) of the 24 h asked for; .*not all couples/,
  );
  expect(out).toContain('RTDB            not known yet');
  expect(out).not.toMatch(/NaN|undefined|Infinity|null/);
});

test('for people: rates, what differs, who was left out, canaries', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x' });
  await books.gap('percent', '30 hours', '23 hours');
  await books.database.query(`update mirror.readings set full_at = now() - interval '2 hours'`);
  const { out } = await report();
  expect(
    out.replaceAll(/\d{4}-\d\d-\d\d[^,]* UTC/g, 'THEN').replace(/(?<=^Postgres +)\S+/m, 'DB'),
  ).toContain(
    [
      'explained       copy 99.9666%, mirror 99.6677%',
      "                takes from each key what that key's own cause says; shown, never judged by",
      'differences     quest_completions: missing_in_postgres by unknown: 1 open, 1 lost in the window',
      'left out        quest_completions, copy: couple couple3_x, 1 of 100 keys',
      '                quest_completions, mirror: couple couple3_x, 1 of 11 keys',
    ].join('\n'),
  );
  expect(out).toContain(
    'each path: 287 of 287 canaries came: a steady loss above 1.0% would have shown (95%)',
  );
  expect(out).toContain('each path: percent: ');
  expect(out).toMatch(
    /^quest_completions {3}99\.9666%, 2,999 of 3,000 +99\.6677%, 300 of 301 +1 of 30$/m,
  );
});

test('for machines', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x' });
  const found = await reportJson('--path', 'quest_completions');
  expect(found).toMatchObject({
    ...{ code: 0, verdict: 'ready', next: null, threshold: 0.99, rtdb: 'quests.firebaseio.com' },
    paths: [
      {
        path: 'quest_completions',
        copy: { total: 3000, differing: 1, unknown: 0, lower: 1, upper: 1 },
        mirror: { total: 301, differing: 1, unknown: 0, leftOut: [{ shard: 'couple3_x' }] },
        causes: [{ kind: 'missing_in_postgres', cause: 'unknown', isExplained: false }],
        canaries: { flown: 287, came: 287 },
      },
    ],
  });
});

test('one couple has to agree in all', async () => {
  await books.healthy();
  await books.difference({ shard: 'couple3_x' });
  expect(await reportJson('--couple', 'couple4_x')).toMatchObject({ code: 0, threshold: 1 });
  expect(await reportJson('--couple', 'couple3_x')).toMatchObject({ code: 1 });
  const nobody = await report('--couple', 'nobody_x');
  expect([nobody.code, nobody.out]).toEqual([2, '']);
  expect(nobody.errors).toContain('nothing was read of the couple nobody_x yet');
});

describe('what nobody mirrors', () => {
  let tree: StandinTree;
  let proxy: FaultyRtdb;

  beforeAll(async () => {
    tree = await startStandinTree();
    proxy = await startFaultyRtdb(tree.standin.address);
    await tree.rest.set(['chat_messages', 'a_b', 'm1'], { text: 'secret words' });
    await tree.rest.set(['daily_quests', 'a_b', '2025-11-19', 'mood'], 'glad');
  });

  beforeEach(async () => {
    await books.healthy();
    await books.database.query('delete from mirror.identity');
  });

  afterAll(async () => {
    await Promise.all([proxy.stop(), tree.standin.stop()]);
  });

  const reportOn = (args: string[], rtdb: Record<string, string>) =>
    runCommand(['report', ...args], { DATABASE_URL: books.database.url, ...rtdb });
  const standin = () => ({
    FIREBASE_DATABASE_EMULATOR_HOST: proxy.address,
    GCLOUD_PROJECT: 'demo-quests',
  });

  test('is named, and changes no verdict', async () => {
    proxy.fault = () => null;
    const { code, out, errors } = await reportOn([], standin());
    expect([code, errors]).toEqual([0, '']);
    expect(out).toContain(
      'nobody mirrors  chat_messages\n                daily_quests/{coupleId}/{dateKey}/mood\n',
    );
    expect(out).not.toMatch(/secret|glad/);
    const json = JSON.parse((await reportOn(['--json'], standin())).out);
    expect(json.unmirrored).toEqual({
      ...{ trees: ['chat_messages'], unread: [], problem: null },
      siblings: [{ below: 'daily_quests/{coupleId}/{dateKey}', key: 'mood' }],
    });
  });

  test.each<[string, Fault]>([
    ['refuses', { status: 401 }],
    ['is overloaded', { status: 503 }],
    ['says nothing', 'hangs'],
  ])('where RTDB %s nobody knows, and the verdict stands', async (_case, fault) => {
    proxy.fault = () => fault;
    const { code, out, errors } = await reportOn([], standin());
    expect([code, errors]).toEqual([0, '']);
    expect(out).toMatch(/^nobody mirrors {2}not known: .*RTDB/m);
  });

  test('without an RTDB in the environment nobody knows', async () => {
    const { code, out } = await reportOn([], {});
    expect([code, out]).toEqual([0, expect.stringMatching(/^nobody mirrors {2}not known: /m)]);
    expect(JSON.parse((await reportOn(['--json'], {})).out).unmirrored).toMatchObject({
      ...{ trees: null, siblings: null },
      problem: expect.stringContaining('RTDB_INSTANCE'),
    });
  });
});

test('an answer is kept once an hour, and can be asked about later', async () => {
  await books.healthy();
  expect(await note()).toContainEqual(
    expect.objectContaining({
      ...{ path: 'quest_completions', verdict: 'ready', reasons: [] },
      ...{ copy_lower: 1, mirror_lower: 1, copy_keys: 3000, mirror_keys: 300, unread_shards: 0 },
    }),
  );
  await note();
  await books.difference({ shard: 'couple3_x', keys: 90 });
  await books.difference({ shard: 'couple4_x', keys: 90 });
  expect(await books.database.query('select from mirror.rates')).toHaveLength(8);
  const asOf = (await books.database.query<{ now: string }>(`select now()::text`))[0]?.now ?? '';
  const then = await report('--as-of', new Date(asOf).toISOString());
  expect([then.code, then.errors]).toEqual([0, '']);
  expect(then.out).toContain('as of');
  expect(await reportJson('--as-of', new Date(asOf).toISOString())).toMatchObject({
    verdict: 'ready',
    paths: expect.arrayContaining([
      expect.objectContaining({ path: 'quest_completions', shards: 30 }),
    ]),
  });
  expect((await report()).code).toBe(1);
});

test('an answer that is older than what is asked about says nothing of it', async () => {
  await books.healthy();
  await note();
  await books.database.query(
    `update mirror.rates set at = at - interval '5 hours', hour = hour - interval '5 hours',
       verified_to = verified_to - interval '5 hours'`,
  );
  const { code, out } = await report('--as-of', new Date().toISOString());
  expect(code).toBe(2);
  expect(out).toMatch(/^Can't tell: .*the newest answer that was kept until then is of /);
  // However old its readings may be: what stood in the way since, nobody kept.
  expect((await report('--max-age', '9h', '--as-of', new Date().toISOString())).code).toBe(2);
  const before = await report('--as-of', '2025-01-01T00:00:00Z');
  expect([before.code, before.errors]).toEqual([
    2,
    "mirror: Can't tell: no answer was kept until 2025-01-01T00:00:00.000000Z.\n",
  ]);
});

test('what was known at an instant stays as it was, whatever is found later in the hour', async () => {
  await books.healthy();
  // The hour's first answer, and a later one that is worse.
  await note();
  await books.database.query(
    `update mirror.rates set at = date_trunc('hour', now(), 'UTC'), hour = date_trunc('hour', now(), 'UTC')`,
  );
  const known = () => reportJson('--as-of', new Date().toISOString());
  const first = await known();
  expect(first).toMatchObject({ code: 0 });
  await books.differences(300, (n) => ({ shard: `couple${n % 30}_x` }));
  await note();
  const { asOf: _, ...later } = await known();
  expect(first).toMatchObject(later);
  expect((await report()).code).toBe(1);
});

test('a path that nothing was kept of yet: nobody can tell', async () => {
  await books.healthy();
  await note();
  await books.database.query(`delete from mirror.rates where path = 'lp_awards'`);
  const { code, out } = await report('--as-of', new Date().toISOString());
  expect([code, out.split('\n')[0]]).toEqual([
    2,
    expect.stringMatching(/^Can't tell: lp_awards: no answer was kept until then\. So far /),
  ]);
});

test('a time that is yet to come is refused', async () => {
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const { code, out, errors } = await report('--as-of', soon);
  expect([code, out]).toEqual([2, '']);
  expect(errors).toMatch(/^mirror: --as-of: .* is yet to come; .*\n$/);
});

test.each([-10, 10])('a clock here that is %i minutes off does not matter', async (minutes) => {
  await books.healthy();
  const real = Date.now.bind(Date);
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() + minutes * 60_000);
  try {
    expect((await reportJson()).code).toBe(0);
  } finally {
    clock.mockRestore();
  }
});

test.each([
  ['--window', '24'],
  ['--window', '7d'],
  ['--threshold', '99%'],
  ['--threshold', '0'],
  ['--max-age', 'long'],
  ['--max-age', '49h'],
  ['--as-of', 'yesterday'],
  ['--couple', 'a/b'],
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
    expect(errors).toMatch(/^mirror: Can't tell: .*run `npm run mirror -- migrate`.*\n$/);
  } finally {
    await empty.drop();
  }
});

test('an unreachable database is one line and exit code 2', async () => {
  const url = 'postgres://someone:s3cret@127.0.0.1:9/quests';
  const { code, out, errors } = await runCommand(['report'], { DATABASE_URL: url });
  expect([code, out]).toEqual([2, '']);
  expect(errors).toMatch(/^mirror: .*127.0.0.1:9.*\n$/);
  expect(errors).not.toContain('s3cret');
});
