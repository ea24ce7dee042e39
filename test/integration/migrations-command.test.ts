import { run } from '../../functions/src/cli/main';
import { emptyDatabase, queryOnce } from './support/empty-database';

let database: Awaited<ReturnType<typeof emptyDatabase>>;

beforeAll(async () => {
  database = await emptyDatabase();
});

afterAll(() => database.drop());

async function mirror(args: string[], env: Record<string, string> = {}) {
  let stdout = '';
  let stderr = '';
  const code = await run(args, {
    env,
    writeOut: (text) => {
      stdout += text;
    },
    writeError: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}

test('migrate previews, applies and repeats, with one JSON object each', async () => {
  const env = { STAGING_URL: database.url };
  const args = ['migrate', '--json', '--database-url-env', 'STAGING_URL'];
  const preview = JSON.parse((await mirror([...args, '--dry-run'], env)).stdout);
  expect(preview).toMatchObject({ alreadyApplied: [], dryRun: true });
  const first = await mirror(args, env);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(first.stdout)).toEqual({ ...preview, dryRun: false });
  const second = JSON.parse((await mirror(args, env)).stdout);
  expect(second).toEqual({ applied: [], alreadyApplied: preview.applied, dryRun: false });
});

test('mirroring is off until somebody sees the flag on', async () => {
  const env = { DATABASE_URL: database.url };
  await mirror(['migrate'], env);
  const { code, stdout } = await mirror(['report'], env);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^Not ready: mirroring has been off since \d{4}-\d\d-\d\d \d\d:\d\d UTC\./,
  );
  // As it may be applied by others, such as the Supabase CLI.
  await mirror(['migrate'], env);
  expect(await queryOnce(database.url, 'select reason, to_at, path from mirror.coverage')).toEqual([
    { reason: 'flag_off', to_at: null, path: null },
  ]);
});

test('a failing migration is exit code 1', async () => {
  const env = { DATABASE_URL: database.url };
  await mirror(['migrate'], env);
  await queryOnce(database.url, `update mirror.schema_migrations set checksum = 'other'`);
  const { code, stderr } = await mirror(['migrate'], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^mirror: .* was changed after it had been applied.*\n$/);
});

describe('what a person can mend is exit code 2 and one line', () => {
  test.each([
    ['an unknown option', ['migrate', '--nonsense'], {}],
    ['an unknown verb', ['emigrate'], {}],
    ['no database named', ['migrate'], {}],
    ['not a Postgres URL', ['migrate'], { DATABASE_URL: 'mysql://u:s3cret@localhost/x' }],
    ['an unencoded password', ['migrate'], { DATABASE_URL: 'postgres://u:12/s3cret@h/x' }],
    ['nobody listening', ['migrate'], { DATABASE_URL: 'postgres://u:s3cret@127.0.0.1:1/x' }],
  ])('%s', async (_case, args, env) => {
    const { code, stdout, stderr } = await mirror(args, env as Record<string, string>);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).not.toContain('s3cret');
  });

  test('a login that the server refuses', async () => {
    const url = new URL(database.url);
    url.username = 'nobody_here';
    url.password = 's3cret';
    const { code, stderr } = await mirror(['migrate'], { DATABASE_URL: url.href });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^mirror: Cannot connect.*nobody_here/),
    });
    expect(stderr).not.toContain('s3cret');
  });
});

test('help is exit code 0', async () => {
  const { code, stdout } = await mirror(['--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('migrate');
});

test.each(['rtdb.images', 'mirror.images'])(
  'a schema that is somebody else’s stays as it is: %s',
  async (table) => {
    const other = await emptyDatabase();
    try {
      const schema = table.split('.')[0];
      await queryOnce(
        other.url,
        `create schema ${schema}; create table ${table} (); grant select on ${table} to public`,
      );
      const { code, stderr } = await mirror(['migrate'], { DATABASE_URL: other.url });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/^mirror: [^\n]+\n$/);
      expect(stderr).toContain(
        `the mirror needs the schemas rtdb and mirror for itself, and they have: ${table}`,
      );
      const grants = await queryOnce(
        other.url,
        `select from pg_class, aclexplode(relacl) as acl where relname = 'images' and acl.grantee = 0`,
      );
      expect(grants).toHaveLength(1);
    } finally {
      await other.drop();
    }
  },
);
