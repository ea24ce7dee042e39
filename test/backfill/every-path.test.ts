import { PATHS } from '../../functions/src/app-paths';
import { appFixture } from '../app/support/app-fixtures';
import { type LiveRow, rowDifferences } from '../app/support/differences';
import { expectedRows, keyColumns } from '../app/support/expected-rows';
import { startProof, type TestProof } from '../readings/support/proof';
import { runCommand } from '../support/command';

const { before, after } = appFixture() as { before: Tree; after: Tree };
type Tree = { [name: string]: unknown };
const COUPLE = Object.keys((before.lp_awards ?? {}) as Tree)[0] ?? '';

let proof: TestProof;

beforeEach(async () => {
  proof = await startProof();
});

afterEach(() => proof.stop());

const run = async (...args: string[]): Promise<Answer> => {
  const env = { ...proof.rtdb.env, DATABASE_URL: proof.database.url };
  const { code, out, errors } = await runCommand([...args, '--json'], env);
  if (errors !== '' && code === 2) throw new Error(errors);
  return { ...(JSON.parse(out) as Answer), code };
};
interface Answer {
  [name: string]: unknown;
}

const hold = async (tree: Tree) => {
  for (const [name, node] of Object.entries(tree)) await proof.rtdb.rest.set([name], node as never);
};
const wrong = async (tree: Tree) => {
  const differences: string[] = [];
  for (const { name, ref } of PATHS) {
    const rows = await proof.database.query<{ row: LiveRow }>(
      `select to_jsonb(q) as row from rtdb.${name} as q where deleted_at is null`,
    );
    const expected = expectedRows(tree as never, ref);
    const found = rows.map(({ row }) => row);
    differences.push(
      ...rowDifferences(found, expected, keyColumns(ref)).map((one) => `${name}: ${one}`),
    );
  }
  return differences;
};
const log = (where = 'true') =>
  proof.database.query(
    `select path, ref, kind, resolved_by, written_after is not null as has_lower_bound
     from mirror.divergence_log where ${where} order by path, ref`,
  );
const dueAgain = () =>
  proof.database.query('update mirror.readings set is_full_due = true, due_at = clock_timestamp()');

test('a backfill copies every path, a reading of it agrees, and it logs nothing', async () => {
  await hold(before);
  const dry = await run('backfill', '--dry-run');
  const done = await run('backfill');
  expect(done).toMatchObject({ code: 0, inserted: dry.inserted, rejected: 0, failed: [] });
  expect(Object.keys(done.paths as object).sort()).toEqual(PATHS.map(({ name }) => name).sort());
  expect(await wrong(before)).toEqual([]);
  await proof.work();
  expect(await log()).toEqual([]);
  expect(await run('backfill')).toMatchObject({ inserted: 0, differing: 0 });
  expect((await run('repair')).differences).toEqual([]);
});

test('repair sets every path to what RTDB holds now, and readings find nothing left', async () => {
  await hold(before);
  await run('backfill');
  await proof.work();
  await hold(after);
  await proof.work();
  const dry = await run('repair');
  expect(dry.differences).not.toEqual([]);
  const done = await run('repair', '--write', '--bury', '1000');
  expect(done).toMatchObject({ code: 0, failed: [] });
  expect(await wrong(after)).toEqual([]);
  expect((await run('repair')).differences).toEqual([]);
  expect(await log('resolved_at is null and key is not null')).toEqual([]);
  await dueAgain();
  await proof.work();
  expect(await log('resolved_at is null')).toEqual([]);
  expect(await proof.database.query('select from mirror.readings where in_flight > 0')).toEqual([]);
});

test('what a backfill fills after a reading is told, once, with its bounds', async () => {
  await hold(before);
  await run('backfill');
  await proof.work();
  await proof.rtdb.rest.set(['lp_awards', COUPLE, 'new_award'], { amount: 5 });
  await run('backfill', '--path', 'lp_awards');
  const told = [
    {
      ...{ path: 'lp_awards', ref: `lp_awards/${COUPLE}/new_award`, kind: 'missing_in_postgres' },
      ...{ resolved_by: 'backfill', has_lower_bound: true },
    },
  ];
  expect(await log()).toEqual(told);
  expect(
    await proof.database.query(
      `select path from mirror.readings where due_at <= clock_timestamp() and path = 'lp_awards'`,
    ),
  ).toHaveLength(1);
  await proof.work();
  expect(await log()).toEqual(told);
});

test('what a reading had found missing is resolved by the backfill that fills it', async () => {
  await hold(before);
  await run('backfill');
  await proof.work();
  await proof.rtdb.rest.set(['lp_awards', COUPLE, 'new_award'], { amount: 5 });
  await dueAgain();
  await proof.work();
  expect(await log()).toMatchObject([{ kind: 'missing_in_postgres', resolved_by: null }]);
  await run('backfill', '--path', 'lp_awards', '--shard', COUPLE);
  expect(await log()).toMatchObject([{ kind: 'missing_in_postgres', resolved_by: 'backfill' }]);
});

test('--gaps says how many keys no gap explains', async () => {
  await proof.database.query('delete from mirror.coverage');
  await hold(before);
  await run('backfill');
  await proof.work();
  await proof.database.query(
    `insert into mirror.coverage (reason, from_at, to_at)
     select 'flag_off', clock_timestamp(), clock_timestamp()`,
  );
  await proof.rtdb.rest.set(['lp_awards', COUPLE, 'dropped'], { amount: 5 });
  const done = await run('backfill', '--gaps', '--path', 'lp_awards');
  expect(done).toMatchObject({ inserted: 1, unexplained: 1 });
});

describe('repair', () => {
  const awards = (count: number) =>
    proof.rtdb.rest.set(
      ['lp_awards', COUPLE],
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`award${n}`, { amount: n }])),
    );
  const live = async () => {
    const [row] = await proof.database.query(
      'select count(*)::integer as live from rtdb.lp_awards where deleted_at is null',
    );
    return row?.live;
  };

  test('refuses to bury many rows, writes the others, and does it when told how many', async () => {
    await awards(10);
    await run('backfill', '--path', 'lp_awards');
    await awards(6);
    await proof.rtdb.rest.set(['lp_awards', COUPLE, 'award0', 'amount'], 99);
    const refused = await run('repair', '--path', 'lp_awards', '--write');
    expect(refused).toMatchObject({ code: 1, written: 1, not_buried: 4, live: 10, mayBury: 3 });
    expect(await live()).toBe(10);
    expect(await run('repair', '--path', 'lp_awards', '--write', '--bury', '3')).toMatchObject({
      ...{ code: 1, not_buried: 4 },
    });
    expect(await run('repair', '--path', 'lp_awards', '--write', '--bury', '4')).toMatchObject({
      ...{ code: 0, buried: 4 },
    });
    expect(await live()).toBe(6);
  });

  test('up to three it buries by itself', async () => {
    await awards(10);
    await run('backfill', '--path', 'lp_awards');
    await awards(7);
    expect(await run('repair', '--path', 'lp_awards', '--write')).toMatchObject({
      code: 0,
      buried: 3,
    });
  });

  test('sets columns that do not follow from the payload, and leaves version and origin', async () => {
    await awards(2);
    await run('backfill', '--path', 'lp_awards');
    await proof.database.query(
      `update rtdb.lp_awards set amount = 7, origin = 'rtdb', event_id = 'e1', event_time = now()
       where award_id = 'award1'`,
    );
    const done = await run('repair', '--write', `lp_awards/${COUPLE}/award1`);
    expect(done).toMatchObject({ written: 1, differences: [{ kind: 'column_mismatch' }] });
    expect(
      await proof.database.query(
        `select amount, origin, event_id from rtdb.lp_awards where award_id = 'award1'`,
      ),
    ).toEqual([{ amount: 1, origin: 'rtdb', event_id: 'e1' }]);
    expect(await log()).toMatchObject([{ kind: 'column_mismatch', resolved_by: 'repair' }]);
  });

  test('--columns computes them without RTDB; until then readings know nothing of columns', async () => {
    await awards(3);
    await run('backfill', '--path', 'lp_awards');
    await proof.database.query(
      `update rtdb.lp_awards set amount = null;
       update mirror.paths set columns_due_at = now() where path = 'lp_awards'`,
    );
    await proof.work();
    expect(await log()).toEqual([]);
    await proof.rtdb.standin.stop();
    expect(await run('repair', '--columns', '--path', 'lp_awards')).toMatchObject({
      paths: { lp_awards: { rows: 3, differing: 3, written: 0, isDone: false } },
    });
    expect(await run('repair', '--columns', '--path', 'lp_awards', '--write')).toMatchObject({
      ...{ code: 0, paths: { lp_awards: { written: 3, isDone: true } } },
    });
    expect(
      await proof.database.query('select amount from rtdb.lp_awards order by award_id'),
    ).toEqual([...[{ amount: 0 }, { amount: 1 }, { amount: 2 }]]);
    expect(
      await proof.database.query('select path from mirror.paths where columns_due_at is not null'),
    ).toEqual([]);
  });
});

test('explain tells the story of a leaf of any path', async () => {
  await hold(before);
  await run('backfill');
  await proof.work();
  for (const { name, ref } of PATHS) {
    const [row] = expectedRows(before as never, ref);
    const leaf = ref.replace(/\{(\w+)\}/g, (_, part: string) => row?.key[snake(part)] ?? '');
    const story = await run('explain', leaf);
    expect(story).toMatchObject({
      ...{ code: 0, path: name, ref: leaf, comparison: 'agrees', divergences: [], suspect: null },
      row: { origin: 'backfill', eventTime: null, isTombstone: false },
      reading: { readAt: expect.any(String), inFlight: 0 },
    });
  }
});

const snake = (part: string) => part.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
