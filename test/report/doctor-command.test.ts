import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { probePooler } from '../../functions/src/cli/doctor/pooler';
import { FLAG } from '../../functions/src/flag/flag-rule';
import { PATHS_OFF } from '../../functions/src/flag/paths-rule';
import { SERVICES } from '../../functions/src/paths/check-paths';
import { emptyDatabase } from '../integration/support/empty-database';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { PGBOUNCER, startPgbouncer } from '../support/pgbouncer';
import { type RemoteConfigStub, startRemoteConfigStub } from '../support/remote-config-stub';
import { node22 } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

const ROOT = join(__dirname, '..', '..');
const login = `mirror_doctor_${process.pid}`;

let database: TestDatabase;
let rtdb: StandinTree;
let writerUrl: string;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  await database.query(`create role ${login} login password 'x' in role quest_mirror_writer`);
  await deployRules(readFileSync(join(__dirname, '..', '..', 'database.rules.json'), 'utf8'));
  const url = new URL(database.url);
  [url.username, url.password] = [login, 'x'];
  writerUrl = url.href;
});

afterAll(async () => {
  await database.query(`drop role ${login}`);
  await Promise.all([rtdb.standin.stop(), database.drop()]);
});

const deployRules = (text: string) =>
  fetch(`http://${rtdb.standin.address}/.settings/rules.json?ns=demo-quests-default-rtdb`, {
    method: 'PUT',
    headers: { authorization: 'Bearer owner' },
    body: text,
  });

const examine = async (env: Record<string, string> = {}, ...args: string[]) => {
  const result = await runCommand(['doctor', '--json', ...args], {
    DATABASE_URL: writerUrl,
    ...rtdb.env,
    ...env,
  });
  const { checks = [] } = result.out ? JSON.parse(result.out) : {};
  const byName: Record<string, { status: string; finding: string }> = Object.fromEntries(
    checks.map((check: { name: string }) => [check.name, check]),
  );
  return { ...result, byName };
};

test('a deployment as the guide makes it has nothing that fails', async () => {
  await rtdb.rest.set(['daily_quests', 'a_b', '2025-11-19', 'completions'], {
    q1: { a: true, b: true },
    q2: { a: true },
  });
  const { code, byName, errors } = await examine();
  expect([code, errors]).toEqual([0, '']);
  expect(byName).toMatchObject({
    postgres: { status: 'ok' },
    tls: { status: 'ok' },
    pooler: { status: 'ok', finding: expect.stringContaining('direct') },
    migrations: { status: 'skipped', finding: expect.stringContaining('may not read the history') },
    login: { status: 'ok' },
    'row level security': { status: 'ok' },
    grants: { status: 'ok' },
    triggers: { status: 'ok' },
    beginning: { status: 'ok' },
    rtdb: { status: 'ok' },
    // The app's seven other paths are shut by them.
    rules: { status: 'warn', finding: expect.stringContaining('those of database.rules.json') },
    'strict trigger validation': { status: 'skipped' },
    'largest fan-out': {
      status: 'ok',
      finding: 'at most 3 completions under a day, 3 under a couple (1 of 1 couples read)',
    },
    trees: { status: 'ok' },
    'triggers exported': { status: 'ok', finding: 'a trigger for each of 8 paths' },
    'trigger retry': { status: 'ok' },
    'trigger instance': { status: 'skipped' },
    'trigger region': { status: 'skipped' },
    'hosting region': { status: 'ok', finding: 'hosting finds mirrorApi' },
    'triggers deployed': { status: 'skipped', finding: 'nothing is deployed to an emulator' },
    secret: { status: 'ok', finding: 'the functions read QUEST_MIRROR_DATABASE_URL' },
    connections: { finding: expect.stringContaining('with all instances up to 182 (') },
    parameters: { status: 'ok' },
    flag: { status: 'skipped' },
  });
});

test("a team's trigger without a search_path is named, with the command that sets one", async () => {
  await database.query(`
    create function notify_partner() returns trigger language plpgsql as
      'begin insert into notifications values (new.quest_id); return null; end';
    create trigger notify after insert on rtdb.quest_completions
      for each row execute function notify_partner()`);
  try {
    const { code, byName } = await examine();
    expect([code, byName.triggers]).toEqual([
      0,
      expect.objectContaining({
        status: 'warn',
        finding: expect.stringContaining(
          'notify on rtdb.quest_completions (public.notify_partner())',
        ),
        advice: expect.stringContaining('alter function public.notify_partner() set search_path'),
      }),
    ]);
    await database.query('alter function notify_partner() set search_path = public, pg_temp');
    expect((await examine()).byName.triggers).toMatchObject({ status: 'ok' });
  } finally {
    await database.query('drop function notify_partner cascade');
  }
});

test('the owner sees the history, and is told not to give this login to the functions', async () => {
  const { code, byName } = await examine({ DATABASE_URL: database.url });
  expect(code).toBe(0);
  expect(byName.migrations).toMatchObject({ status: 'ok' });
  expect(byName.login).toMatchObject({ status: 'warn' });
});

test('a project whose parameters are not set fails', async () => {
  const { code, byName } = await examine({}, '--project', 'some-project');
  expect(code).toBe(1);
  expect(byName['trigger instance']).toMatchObject({ status: 'fail' });
});

test('a database that misses a migration, a grant and row level security fails', async () => {
  const broken = await cloneDatabase();
  try {
    await broken.query(
      `delete from mirror.schema_migrations
       where name = (select max(name) from mirror.schema_migrations)`,
    );
    await broken.query('grant delete on rtdb.quest_completions to quest_mirror_writer');
    await broken.query('alter table mirror.coverage disable row level security');
    await broken.query(`update mirror.paths set began_at = now() + interval '3 days'`);
    const { code, byName } = await examine({ DATABASE_URL: broken.url });
    expect(code).toBe(1);
    expect(byName).toMatchObject({
      migrations: { status: 'fail', finding: expect.stringContaining('1 not applied') },
      'row level security': { status: 'fail', finding: 'it is off on mirror.coverage' },
      grants: { status: 'fail', finding: expect.stringContaining('may delete') },
      beginning: { status: 'fail' },
    });
  } finally {
    await broken.drop();
  }
});

test('a database without the migrations fails, line by line', async () => {
  const empty = await emptyDatabase();
  try {
    const { code, out } = await runCommand(['doctor'], { DATABASE_URL: empty.url, ...rtdb.env });
    expect(code).toBe(1);
    expect(out).toMatch(/^fail {4}migrations: the tables are not there; run `npm run mirror/m);
    expect(out).toMatch(/^fail {4}grants: the tables are not there/m);
    expect(out).toMatch(/^fail {4}triggers: the tables are not there/m);
    expect(out).toMatch(/^fail {4}beginning: the tables are not there/m);
  } finally {
    await empty.drop();
  }
});

test('an unreachable Postgres is exit code 2; the other checks are made all the same', async () => {
  const { code, errors, byName } = await examine({
    DATABASE_URL: 'postgres://someone:s3cret@127.0.0.1:9/quests',
  });
  expect(code).toBe(2);
  expect(errors).toMatch(/^mirror: no connection to Postgres: .*ECONNREFUSED.*\n$/);
  expect(JSON.stringify(byName)).not.toContain('s3cret');
  expect(byName).toMatchObject({
    postgres: { status: 'fail', finding: expect.stringContaining('ECONNREFUSED') },
    grants: { status: 'skipped', finding: 'postgres could not be asked' },
    'trigger retry': { status: 'ok' },
  });
});

test('an unreachable RTDB is exit code 2', async () => {
  const { code, byName } = await examine({ FIREBASE_DATABASE_EMULATOR_HOST: '127.0.0.1:9' });
  expect(code).toBe(2);
  expect(byName).toMatchObject({
    rtdb: { status: 'fail' },
    'largest fan-out': { status: 'skipped' },
    trees: { status: 'skipped' },
    grants: { status: 'ok' },
  });
});

test.each([
  ['no DATABASE_URL', { DATABASE_URL: '' }, [], 'DATABASE_URL is not set'],
  ['one that is none', { DATABASE_URL: 'mysql://x' }, [], 'DATABASE_URL is not usable'],
  ['a project id that is a path', {}, ['--project', '../x'], '--project'],
])('%s is exit code 2 and one line', async (_name, env, args, part) => {
  const { code, errors } = await examine(env, ...args);
  expect(code).toBe(2);
  expect(errors).toContain(part);
  expect(errors.trim().split('\n')).toHaveLength(1);
});

/** The command line, once for each line of stdin. */
const DOCTOR_AT_EACH_LINE = `
const { run } = require('./functions/src/cli/main.ts');
const { env, stdin, stdout } = process;
require('node:readline').createInterface({ input: stdin }).on('line', () =>
  run(['doctor', '--json'], {
    env,
    writeOut: (text) => stdout.write(text.trim() + '\\n'),
    writeError: () => {},
  }),
);`;

/** The command line in a process of its own: google-auth-library finds the stub's metadata server by the environment. */
async function withDoctorProcess(
  stub: RemoteConfigStub,
  work: (findingOf: (check: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const child = spawn(node22(), ['--import', 'tsx', '-e', DOCTOR_AT_EACH_LINE], {
    ...{ cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] },
    env: { PATH: process.env.PATH, DATABASE_URL: writerUrl, ...rtdb.env, ...stub.env },
  });
  const answers = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  try {
    await work(async (name) => {
      child.stdin?.write('\n');
      const { checks } = JSON.parse((await answers.next()).value);
      return checks.find((check: { name: string }) => check.name === name);
    });
  } finally {
    child.kill();
    await stub.stop();
  }
}

test('the flag is what the server template says, with what nobody can evaluate', async () => {
  const template = { parameterGroups: { g: { parameters: { [FLAG]: { defaultValue: {} } } } } };
  const stub = await startRemoteConfigStub(template);
  await withDoctorProcess(stub, async (findingOf) => {
    expect(await findingOf('flag')).toMatchObject({
      status: 'warn',
      finding: 'on, by Remote Config: a value that is neither true nor false',
    });
    stub.answer = { template: { parameters: { [FLAG]: { defaultValue: { value: 'false' } } } } };
    expect(await findingOf('flag')).toMatchObject({
      status: 'ok',
      finding: 'off, by Remote Config',
    });
    const parameters = {
      [FLAG]: { defaultValue: { value: 'true' } },
      [PATHS_OFF]: { defaultValue: { value: 'steps, nobody' } },
    };
    stub.answer = { template: { parameters } };
    expect(await findingOf('flag')).toMatchObject({
      status: 'warn',
      finding:
        'on, but not for steps, by Remote Config: MIRROR_PATHS_OFF: no path is called "nobody"',
    });
    stub.answer = { status: 403 };
    expect(await findingOf('flag')).toMatchObject({
      status: 'warn',
      finding:
        "on, by the parameter of the deployment: Remote Config can't be read: it answered 403",
    });
  });
}, 60_000);

test('what is deployed is asked of Google, page by page', async () => {
  const stub = await startRemoteConfigStub({});
  const deployed = (id: string) => ({
    name: `projects/demo-quests/locations/us-central1/functions/${id}`,
    ...{ state: 'ACTIVE', environment: 'GEN_2' },
    labels: { 'firebase-functions-codebase': 'quest-mirror' },
  });
  await withDoctorProcess(stub, async (findingOf) => {
    expect(await findingOf('triggers deployed')).toMatchObject({
      status: 'fail',
      finding: 'none of 12 functions is there',
    });
    stub.deployed = ['api', ...SERVICES].map(deployed);
    expect(await findingOf('triggers deployed')).toMatchObject({
      status: 'fail',
      finding: expect.stringMatching(/^mirrorQuestCompletion is not there; (?!.*mirrorApi)/),
    });
    stub.deployed = { status: 403, message: 'Permission denied' };
    expect(await findingOf('triggers deployed')).toMatchObject({
      status: 'skipped',
      finding: "what is deployed can't be asked: Cloud Functions answered 403: Permission denied",
    });
  });
}, 60_000);

test('an instance that is not there', async () => {
  const { code, errors } = await examine({}, '--instance', 'staging');
  expect([code, errors]).toEqual([2, 'mirror: --instance: expected one of quest-mirror\n']);
});

const testWithPooler = PGBOUNCER === null ? test.skip : test;

testWithPooler('a pooler in transaction mode is known by what it does', async () => {
  const pooler = await startPgbouncer(database.url, 3);
  try {
    expect(await probePooler({ connectionString: pooler.url })).toBe('transaction');
    const { byName } = await examine({ DATABASE_URL: pooler.url });
    expect(byName.pooler).toMatchObject({
      status: 'ok',
      finding: expect.stringContaining('transaction mode'),
    });
  } finally {
    await pooler.stop();
  }
});
