import type { Hono } from 'hono';
import { createApi } from '../../functions/src/api/app';
import { createTokenVerifier } from '../../functions/src/api/token-verifier';
import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import type { TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';
import { createRoleLogin, type RoleLogin } from '../support/role-login';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { PROJECT, startTokenMint, type TokenMint } from '../support/tokens';

const ANN = '4cdfec06-4a31-4282-bf15-1e3ad08153f3';
const BEN = '70689461-9e35-4f28-8769-1d1f4ef1ba3d';
const DATE = new Date().toISOString().slice(0, 10);

let mint: TokenMint;
let login: RoleLogin;
let database: TestDatabase;
let rtdb: StandinTree;
let connections: Connections;
let app: Hono;

beforeAll(async () => {
  [mint, login] = await Promise.all([startTokenMint(), createRoleLogin('quest_mirror_api')]);
});

afterAll(() => Promise.all([mint.stop(), login.drop()]));

beforeEach(async () => {
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  connections = new Connections(clientConfig(login.at(database.url)), 2);
  app = createApi({
    ...{ statements: connections, rtdb: rtdb.days, retentionDays: 0, prepareEvaluation },
    verifyToken: createTokenVerifier({
      projectId: PROJECT,
      firebaseKeysUrl: mint.keysUrl,
      supabaseIssuer: mint.supabaseIssuer,
      ...{ tenant: null, supabaseSecret: null, acceptsUnsigned: false },
    }),
  });
  await database.query(
    `insert into mirror.identities (rtdb_user_id, app_user_id)
     values ('old-phone', $1), ('new-phone', $1), ('bens-phone', $2)`,
    [ANN, BEN],
  );
});

afterEach(async () => {
  await connections.close();
  await rtdb.standin.stop();
});

const claim = async (subject: string, user: string, partner = 'bens-phone') =>
  app.request('/api/sync/daily-quests/completion', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await mint.supabase(subject)}`,
    },
    body: JSON.stringify({
      ...{ quest_id: `quest_of_${user}`, user_id: user, partner_id: partner },
      timestamp: `${DATE}T00:00:00.000`,
    }),
  });

const read = async (subject: string, partner: string) => {
  const response = await app.request(
    `/api/sync/daily-quests/completions?partner_id=${partner}&date=${DATE}`,
    { headers: { authorization: `Bearer ${await mint.supabase(subject)}` } },
  );
  const { completions } = (await response.json()) as { completions: { user_id: string }[] };
  return completions?.map(({ user_id }) => user_id).sort();
};

test('a claim is taken in the name of each id that RTDB has for the app user, and of no other', async () => {
  expect((await claim(ANN, 'old-phone')).status).toBe(200);
  expect((await claim(ANN, 'new-phone')).status).toBe(200);
  expect((await claim(ANN, 'bens-phone', 'new-phone')).status).toBe(403);
  expect((await claim(BEN, 'bens-phone', 'new-phone')).status).toBe(200);
  // An RTDB id stands for itself, not for its owner.
  expect((await claim('old-phone', 'old-phone')).status).toBe(200);
  expect((await claim('old-phone', 'new-phone')).status).toBe(403);
  expect((await claim('old-phone', ANN)).status).toBe(403);
  const rows = await database.query('select couple_id, user_id from rtdb.quest_completions');
  expect(rows).toHaveLength(3);
});

test('a read shows the days of all of them, with a partner by either id', async () => {
  await claim(ANN, 'old-phone');
  await claim(ANN, 'new-phone');
  await claim(BEN, 'bens-phone', 'new-phone');
  const all = ['bens-phone', 'new-phone', 'old-phone'];
  expect(await read(ANN, 'bens-phone')).toEqual(all);
  expect(await read(ANN, BEN)).toEqual(all);
  expect(await read(BEN, ANN)).toEqual(all);
  expect(await read('old-phone', 'bens-phone')).toEqual(['old-phone']);
  // A stranger who names both sees nothing of theirs.
  expect(await read('zoe', ANN)).toEqual([]);
});
