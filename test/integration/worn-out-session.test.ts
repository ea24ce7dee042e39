import { createApi } from '../../functions/src/api/app';
import { writeCanary } from '../../functions/src/canary/path-canary';
import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { Statements } from '../../functions/src/postgres/statements';
import { findDue } from '../../functions/src/readings/find-due';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { rtdbShards } from '../../functions/src/readings/rtdb-shards';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

let database: TestDatabase;
let rtdb: StandinTree;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
});

afterAll(async () => {
  await Promise.all([rtdb.standin.stop(), database.drop()]);
});

afterEach(() => database.query(`alter database ${nameOf()} reset default_transaction_read_only`));

const nameOf = () => new URL(database.url).pathname.slice(1);

/** What holds a connection, by something that it writes; rejects where it could not. */
const USERS: [string, (statements: Statements) => Promise<unknown>][] = [
  [
    'reconcile',
    (statements) =>
      findDue({
        ...{ statements, prepareEvaluation, paths: [questCompletions], retentionDays: 0 },
        ...{ times: { ...PROOF_TIMES, listEveryMs: 0 }, concurrency: 1, isOver: () => false },
        rtdb: rtdbShards(rtdb.access),
      }),
  ],
  [
    'canary',
    (statements) =>
      writeCanary(questCompletions, {
        statements,
        rtdb: { read: async () => null, write: async () => {} },
        now: () => Date.now(),
      }),
  ],
  [
    'api',
    async (statements) => {
      const app = createApi({
        ...{ statements, rtdb: rtdb.days, retentionDays: 0, prepareEvaluation },
        verifyToken: async () => 'ann',
      });
      const { status } = await app.request('/api/sync/daily-quests/completion', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
        body: JSON.stringify({
          ...{ quest_id: 'quest_1', user_id: 'ann', partner_id: 'bob' },
          timestamp: new Date().toISOString(),
        }),
      });
      if (status !== 200) throw Object.assign(new Error(String(status)), { code: '25006' });
    },
  ],
];

test.each(USERS)('%s makes a new session after one that takes no writes', async (_name, work) => {
  const connections = new Connections(clientConfig(database.url), 1);
  try {
    // A session keeps what held when it was made.
    await database.query(`alter database ${nameOf()} set default_transaction_read_only = on`);
    await connections.run('select 1', []);
    await database.query(`set default_transaction_read_only = off;
      alter database ${nameOf()} reset default_transaction_read_only`);
    await expect(work(connections)).rejects.toMatchObject({ code: '25006' });
    await work(connections);
  } finally {
    await connections.close();
  }
});
