import { runCommand } from '../support/command';
import type { TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** Every verb that reads RTDB makes sure that it is the one which the database mirrors. */

const RANGE = ['--from', '2025-11-19', '--to', '2025-11-19'];
const REF = 'daily_quests/ann_bob/2025-11-19/completions/q/ann';
const OWN = 'demo-quests-default-rtdb';
const OTHER = 'other-default-rtdb';

const VERBS: [string, ...string[]][] = [
  ['backfill', ...RANGE],
  ['backfill', ...RANGE, '--dry-run'],
  ['reconcile', ...RANGE],
  ['reconcile', '--keep-going'],
  ['repair', ...RANGE],
  ['repair', REF, '--write'],
  ['explain', REF],
];

let database: TestDatabase;
let rtdb: StandinTree;

beforeAll(async () => {
  rtdb = await startStandinTree();
  await rtdb.rest.set(REF.split('/'), true);
});

beforeEach(async () => {
  database = await pristineDatabase();
});

afterAll(() => rtdb.standin.stop());

const run = (args: string[], env: Record<string, string> = {}) =>
  runCommand(args, {
    ...{ DATABASE_URL: database.url, RECONCILE_GRACE_SECONDS: '0' },
    ...{ ...rtdb.env, ...env },
  });

const mirrors = (instance: string, host = 'emulator') =>
  database.query('insert into mirror.identity (instance, host) values ($1, $2)', [instance, host]);

const identity = () => database.query('select instance, host from mirror.identity');

/** All that the database holds of the mirror's, apart from the identity. */
async function written(): Promise<unknown> {
  const [row] = await database.query(
    `select (select count(*) from rtdb.quest_completions)
       + (select count(*) from mirror.divergence_log)
       + (select count(*) from mirror.readings)
       + (select count(*) from mirror.backfills) as n`,
  );
  return row;
}

test.each(VERBS)('%s %s: another RTDB is one line and exit code 2', async (...args) => {
  await mirrors(OTHER);
  const { code, out, errors } = await run(args);
  expect([code, out]).toEqual([2, '']);
  expect(errors.trim().split('\n')).toEqual([
    expect.stringMatching(`mirrors the RTDB ${OTHER} of an emulator.* name ${OWN} of an emulator`),
  ]);
  expect(await written()).toEqual({ n: '0' });
});

test.each(VERBS)('%s %s --adopt-rtdb replaces it', async (...args) => {
  await mirrors(OTHER, 'firebaseio.com');
  const { errors } = await run([...args, '--adopt-rtdb']);
  expect(errors).not.toContain('mirrors the RTDB');
  expect(await identity()).toEqual([{ instance: OWN, host: 'emulator' }]);
});

test.each(VERBS)('%s %s: what writes names it at its first use', async (...args) => {
  await run(args);
  const isRead = args[0] === 'explain';
  expect(await identity()).toEqual(isRead ? [] : [{ instance: OWN, host: 'emulator' }]);
});

test.each([
  ['of another instance', OTHER, 'emulator'],
  ['of another host', OWN, 'firebaseio.com'],
])('doctor fails where the copy is %s, and names both', async (_case, instance, host) => {
  await mirrors(instance, host);
  const { code, out } = await run(['doctor', '--json']);
  expect(code).toBe(1);
  const { checks } = JSON.parse(out);
  expect(checks).toContainEqual(
    expect.objectContaining({
      ...{ name: 'copy', status: 'fail' },
      finding: expect.stringContaining(`${OWN} of an emulator`),
    }),
  );
  expect(await identity()).toEqual([{ instance, host }]);
});

test('doctor shows whose copy it is, and sets nothing', async () => {
  const finding = async () => {
    const { checks } = JSON.parse((await run(['doctor', '--json'])).out);
    return checks.find(({ name }: { name: string }) => name === 'copy');
  };
  expect(await finding()).toMatchObject({ status: 'ok', finding: expect.stringContaining('none') });
  expect(await identity()).toEqual([]);
  await mirrors(OWN);
  expect(await finding()).toMatchObject({
    status: 'ok',
    finding: expect.stringMatching(`of ${OWN} of an emulator, since 20`),
  });
});

test('two databases named at once are an error that names both parameters', async () => {
  const env = { RTDB_URL: 'https://mine.firebaseio.com' };
  for (const verb of VERBS) {
    const { code, errors } = await run(verb, env);
    expect(code).toBe(2);
    expect(errors.trim().split('\n')).toEqual([
      'mirror: FIREBASE_DATABASE_EMULATOR_HOST and RTDB_URL each name a database: set one of them, not both',
    ]);
  }
  expect(await identity()).toEqual([]);
});

test('a login that may not write may not adopt either', async () => {
  await mirrors(OTHER);
  const login = `adopter_${process.pid}`;
  await database.query(`create role ${login} login password 'x' in role quest_mirror_writer`);
  try {
    const url = new URL(database.url);
    [url.username, url.password] = [login, 'x'];
    const { code, errors } = await run(['explain', REF, '--adopt-rtdb'], {
      DATABASE_URL: url.href,
    });
    expect([code, errors.trim().split('\n')]).toEqual([2, [expect.stringContaining('login')]]);
    expect(await identity()).toMatchObject([{ instance: OTHER }]);
  } finally {
    await database.query(`drop role ${login}`);
  }
});
