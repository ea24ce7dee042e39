import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Couples, keysOf, TODAY } from '../readings/support/couple';
import { startProof, type TestProof } from '../readings/support/proof';
import { type CommandResult, runCommand } from '../support/command';
import { startFaultyRtdb } from '../support/faulty-rtdb';

/** A backup is compared with the rows of its time; only what that doesn't tell is read in RTDB. */

const FOLDER = mkdtempSync(join(tmpdir(), 'backup-'));
const INSTANCE = 'demo-quests-default-rtdb';

let proof: TestProof;
let couples: Couples;

beforeEach(async () => {
  proof = await startProof();
  couples = new Couples(proof);
  // Both stores have stood for two days, and were read.
  await couples.agree('q1');
  await couples.agree('q1', true, { couple: 'a_d' });
  await couples.read();
  await couples.age('2 days');
});

afterEach(() => proof.stop());
afterAll(() => rmSync(FOLDER, { recursive: true }));

const AN_HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();
const nameAt = (at: string) => `${at.slice(0, 19)}Z_${INSTANCE}_data.json.gz`.replaceAll(':', '_');

/** What RTDB holds now, as a backup of an hour ago. */
async function backup(edit: (tree: string) => Buffer = (tree) => gzipSync(tree)): Promise<string> {
  const tree = await proof.rtdb.rest.get([]);
  const file = join(FOLDER, nameAt(AN_HOUR_AGO));
  writeFileSync(file, edit(JSON.stringify(tree)));
  return file;
}

const env = (): Record<string, string> => ({
  DATABASE_URL: proof.database.url,
  RECONCILE_GRACE_SECONDS: '0',
  ...proof.rtdb.env,
});
const mirror = async (verb: string, args: string[], stdin?: string | Readable, variables = env()) =>
  complaintsOf(await runCommand([verb, '--path', 'quest_completions', ...args], variables, stdin));

/** Every verb says first which stores it reads. */
function complaintsOf(result: CommandResult): CommandResult {
  return { ...result, errors: result.errors.replace(/^Reads RTDB .*\n/, '') };
}

const fullReadings = () =>
  proof.database.query<{ shard: string; hours: number; is_read: boolean }>(
    `select shard, round(extract(epoch from clock_timestamp() - full_at) / 3600)::integer as hours,
       read_at > clock_timestamp() - interval '1 hour' as is_read
     from mirror.readings where path = 'quest_completions' order by shard`,
  );

test('what agrees was read in full at the time of the backup, and RTDB is not asked', async () => {
  const file = await backup();
  // It would refuse every request.
  const faulty = await startFaultyRtdb(proof.rtdb.standin.address);
  faulty.fault = () => ({ status: 401 });
  const { code, out, errors } = await mirror('reconcile', ['--backup', file], undefined, {
    ...env(),
    FIREBASE_DATABASE_EMULATOR_HOST: faulty.address,
  });
  await faulty.stop();
  expect([code, errors]).toEqual([0, '']);
  expect(out).toContain('2 shards compared with the backup, 0 of them looked at in both stores');
  expect(out).toContain('2 keys in 2 shards, all agree');
  expect(await fullReadings()).toEqual([
    { shard: 'a_b', hours: 1, is_read: false },
    { shard: 'a_d', hours: 1, is_read: false },
  ]);
});

test('a difference of the backup is one where both stores say so now, with its bounds', async () => {
  await couples.set('lost', true);
  await couples.set('late', true, { couple: 'a_d' });
  const file = await backup();
  await couples.mirror('late', { couple: 'a_d' });
  const { code, out } = await mirror('reconcile', ['--backup', file]);
  expect(code).toBe(0);
  expect(out).toContain('2 shards compared with the backup, 2 of them looked at in both stores');
  expect(await couples.told()).toMatchObject([
    { ref: keysOf('lost').join('/'), kind: 'missing_in_postgres' },
  ]);
  const bounds = await proof.database.query(
    `select written_after < clock_timestamp() - interval '47 hours' as is_after_the_reading
     from mirror.divergence_log where written_before is not null`,
  );
  expect(bounds).toEqual([{ is_after_the_reading: true }]);
});

test('a value, a column, and a row that is gone since differ as well', async () => {
  await couples.set('q1', 1_700_000_000_000);
  await couples.agree('q2');
  await couples.agree('q3');
  await couples.age('2 hours');
  const file = await backup();
  await couples.direct(
    `update rtdb.quest_completions set partner_id = 'x', mirrored_at = mirrored_at where quest_id = 'q2';
     delete from rtdb.quest_completions where quest_id = 'q3'`,
  );
  await mirror('reconcile', ['--backup', file]);
  const told = (await couples.told()).map(({ kind, ref }) => `${kind} ${ref.split('/')[4]}`);
  expect(told.sort()).toEqual([
    'column_mismatch q2',
    'missing_in_postgres q3',
    'value_mismatch q1',
  ]);
});

test('only the couples that are named are compared', async () => {
  const file = await backup();
  const { out } = await mirror('reconcile', ['--backup', file, '--couple', 'a_d']);
  expect(out).toContain('1 shards compared');
  expect((await fullReadings()).map(({ hours }) => hours)).toEqual([48, 1]);
});

test.each(['reconcile', 'backfill'])(
  '%s takes a backup from stdin, with its time',
  async (verb) => {
    const tree = JSON.stringify(await proof.rtdb.rest.get([]));
    const without = await mirror(verb, ['--backup', '-'], tree);
    expect([without.code, without.errors]).toEqual([
      2,
      expect.stringContaining('a backup on stdin has no time'),
    ]);
    const { code, errors } = await mirror(verb, ['--backup', '-', '--as-of', AN_HOUR_AGO], tree);
    expect([code, errors]).toEqual([0, '']);
  },
);

test('a file that is cut off proves nothing', async () => {
  for (let n = 0; n < 5; n += 1) await couples.agree('q1', true, { couple: `a_${n}` });
  await couples.read();
  await couples.age('2 days');
  const cuts: ((tree: string) => Buffer)[] = [
    (tree) => Buffer.from(tree.slice(0, -2)),
    (tree) => Buffer.from(tree.slice(0, tree.length / 2)),
    (tree) => gzipSync(tree).subarray(0, -9),
  ];
  for (const cut of cuts) {
    const { code, errors } = await mirror('reconcile', ['--backup', await backup(cut)]);
    expect([code, errors]).toEqual([2, expect.stringContaining('the backup is cut off')]);
    expect(errors.trim().split('\n')).toHaveLength(1);
  }
  expect(new Set((await fullReadings()).map(({ hours }) => hours))).toEqual(new Set([48]));
  expect(await couples.told()).toEqual([]);
});

test.each([
  [
    'of another RTDB',
    () => `${AN_HOUR_AGO.slice(0, 19)}Z_other-default-rtdb_data.json`,
    'another RTDB',
  ],
  ['without a time', () => 'export.json', 'has no time'],
  ['of the rules', () => `${AN_HOUR_AGO.slice(0, 19)}Z_${INSTANCE}_rules.json`, 'one of the rules'],
  [
    'older than the path',
    () => `2020-01-01T00:00:00Z_${INSTANCE}_data.json`,
    'before the path began',
  ],
  ['of the future', () => `2999-01-01T00:00:00Z_${INSTANCE}_data.json`, 'in the future'],
  ['that is not there', () => nameAt(AN_HOUR_AGO).replace('.gz', ''), 'the backup does not exist'],
])('a backup %s is told in a line', async (what, name, complaint) => {
  const file = join(FOLDER, name());
  if (!what.includes('not there')) writeFileSync(file, '{}');
  for (const verb of ['reconcile', 'backfill']) {
    const { code, out, errors } = await mirror(verb, ['--backup', file]);
    expect([code, out]).toEqual([2, '']);
    expect(errors.trim().split('\n')).toEqual([expect.stringContaining(complaint)]);
  }
});

test('options that contradict a backup are refused', async () => {
  for (const args of [['--full'], ['--from', TODAY, '--to', TODAY], ['--keep-going']]) {
    expect((await mirror('reconcile', ['--backup', 'x', ...args])).code).toBe(2);
  }
  for (const args of [['--gaps'], ['--resume'], ['--from', TODAY, '--to', TODAY]]) {
    expect((await mirror('backfill', ['--backup', 'x', ...args])).code).toBe(2);
  }
  const { code, errors } = await mirror('reconcile', ['--as-of', AN_HOUR_AGO]);
  expect([code, errors]).toEqual([2, expect.stringContaining('name the backup')]);
});

test('what RTDB refuses to show keeps that shard as it was, and is told', async () => {
  await couples.set('lost', true);
  const file = await backup();
  const { address } = proof.rtdb.standin;
  const faulty = await startFaultyRtdb(address);
  faulty.fault = (path) => (path.includes('a_b') ? { status: 401 } : null);
  const variables = { ...env(), FIREBASE_DATABASE_EMULATOR_HOST: faulty.address };
  const { code, errors } = await mirror('reconcile', ['--backup', file], undefined, variables);
  await faulty.stop();
  expect([code, errors]).toEqual([1, expect.stringContaining('RTDB answered 401')]);
  expect((await fullReadings()).map(({ hours }) => hours)).toEqual([48, 1]);
});

test('backfill --backup inserts what RTDB still holds, and only where no row is', async () => {
  await couples.set('lost', true);
  await couples.set('gone', true);
  await couples.set('q1', 1_700_000_000_000);
  const file = await backup();
  await couples.set('gone', null);
  const dry = await mirror('backfill', ['--backup', file, '--dry-run']);
  expect(dry.out).toContain('1 have no row and would be inserted');
  const { code, out } = await mirror('backfill', ['--backup', file]);
  expect(code).toBe(0);
  expect(out).toContain('inserted 1 of');
  const rows = await proof.database.query(
    `select quest_id, payload, origin from rtdb.quest_completions where couple_id = 'a_b' order by quest_id`,
  );
  expect(rows).toEqual([
    { quest_id: 'lost', payload: true, origin: 'backfill' },
    { quest_id: 'q1', payload: true, origin: 'rtdb' },
  ]);
  const again = await mirror('backfill', ['--backup', file]);
  expect(again.out).toContain('inserted 0 of');
});

test('a stream that nobody can read twice is read once', async () => {
  const chunks = Readable.from([Buffer.from('{"daily_quests":'), Buffer.from('{}}')]);
  const { code } = await mirror('reconcile', ['--backup', '-', '--as-of', AN_HOUR_AGO], chunks);
  // Both rows are in no backup, and RTDB holds them all the same.
  expect(code).toBe(0);
  expect(await couples.told()).toEqual([]);
});
