import { cloneDatabase } from '../support/database';
import { startOwnServer } from '../support/own-server';
import { queryOnce } from './support/empty-database';

/** What jest.config.cjs says of the run: many tests run twice, on 18 and on 15. */
declare const POSTGRES_VERSION: 15 | 18;

const versionOf = async (url: string) => {
  const text = `select current_setting('server_version_num')::integer / 10000 as major`;
  const [row] = await queryOnce<{ major: number }>(url, text);
  return row?.major;
};

test('a server of a test’s own is of the version that the run is for', async () => {
  const server = await startOwnServer();
  try {
    expect(await versionOf(server.url)).toBe(POSTGRES_VERSION);
  } finally {
    await server.stop();
  }
});

// DATABASE_URL may name a server of any version for all but the second run.
const testUnlessGiven = process.env.DATABASE_URL && POSTGRES_VERSION === 18 ? test.skip : test;

testUnlessGiven('so is the one that databases are cloned on', async () => {
  const database = await cloneDatabase();
  try {
    expect(await versionOf(database.url)).toBe(POSTGRES_VERSION);
  } finally {
    await database.drop();
  }
});
