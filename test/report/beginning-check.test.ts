import { beginningCheck } from '../../functions/src/cli/doctor/schema-checks';
import { cloneDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;

beforeEach(async () => {
  database = await cloneDatabase();
});

afterEach(() => database.drop());

test('a team that does not mirror completions has a beginning, too', async () => {
  await database.query(
    "update mirror.paths set removed_at = now() where path = 'quest_completions'",
  );
  expect((await beginningCheck(database)).status).toBe('ok');
});

test('a beginning of long ago without a canary is a warning, with one it is not', async () => {
  await database.query("update mirror.paths set began_at = now() - interval '3 days'");
  expect(await beginningCheck(database)).toMatchObject({
    status: 'warn',
    finding: expect.stringContaining('no canary has come'),
  });
  await database.query(
    "insert into mirror.canaries (path, written_at, arrived_at) values ('lp_awards', now(), now())",
  );
  expect((await beginningCheck(database)).status).toBe('ok');
});

test.each([
  ['to come', "update mirror.paths set began_at = now() + interval '2 days'", 'which is to come'],
  ['of nothing', 'update mirror.paths set removed_at = now()', 'declares no path'],
])('a beginning %s is a failure', async (_what, change, finding) => {
  await database.query(change);
  expect(await beginningCheck(database)).toMatchObject({
    status: 'fail',
    finding: expect.stringContaining(finding),
  });
});
