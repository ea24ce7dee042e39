import type { Hono } from 'hono';
import { createApi } from '../../functions/src/api/app';
import { createTokenVerifier } from '../../functions/src/api/token-verifier';
import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { clientConfig } from '../../functions/src/postgres/client-config';
import { Connections } from '../../functions/src/postgres/connections';
import { DATE_PATTERN, TIME_PATTERN } from '../../functions/src/values/event-time';
import type { TestDatabase } from '../support/database';
import { pristineDatabase } from '../support/pristine-database';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { DAYS, onDay, TIMES } from '../support/times-table';
import { PROJECT, startTokenMint, type TokenMint } from '../support/tokens';

/** The API's share of the one table of dates and times. */

const TODAY = new Date().toISOString().slice(0, 10);

let mint: TokenMint;
let database: TestDatabase;
let rtdb: StandinTree;
let connections: Connections;
let app: Hono;
let headers: Record<string, string>;

beforeAll(async () => {
  mint = await startTokenMint();
  database = await pristineDatabase();
  rtdb = await startStandinTree();
  connections = new Connections(clientConfig(database.url), 2);
  const verifyToken = createTokenVerifier({
    ...{ projectId: PROJECT, firebaseKeysUrl: mint.keysUrl },
    ...{ tenant: null, supabaseIssuer: null, supabaseSecret: null, acceptsUnsigned: false },
  });
  app = createApi({
    statements: connections,
    rtdb: rtdb.days,
    retentionDays: 0,
    prepareEvaluation,
    verifyToken,
  });
  headers = {
    authorization: `Bearer ${await mint.firebase('ann')}`,
    'content-type': 'application/json',
  };
});

afterAll(async () => {
  await connections.close();
  await rtdb.standin.stop();
  await mint.stop();
});

interface Answer {
  status: number;
  errors: { field: string; message: string }[];
}

async function answerOf(response: Response): Promise<Answer> {
  const { errors = [] } = (await response.json()) as Partial<Answer>;
  return { status: response.status, errors };
}

async function claim(timestamp: string, questId: string): Promise<Answer> {
  const body = { quest_id: questId, user_id: 'ann', partner_id: 'bob', timestamp };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  return answerOf(await app.request('/api/sync/daily-quests/completion', init));
}

const completedAt = async (questId: string) => {
  const rows = await database.query<{ at: string }>(
    `select to_char(completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
     from rtdb.quest_completions where quest_id = $1`,
    [questId],
  );
  return rows.map(({ at }) => at);
};

const ofToday = TIMES.filter(({ text, utc }) => utc !== null && text.startsWith('{day}'));
test.each(ofToday)('a claim of $text is taken', async ({ text, utc }) => {
  const questId = text.replaceAll('.', ',');
  expect(await claim(onDay(text, TODAY), questId)).toEqual({ status: 200, errors: [] });
  expect(await completedAt(questId)).toEqual([onDay(utc ?? '', TODAY)]);
});

const FORM = /^expected an ISO 8601 date and time/;

// The API judges a claim's day as well: what is a time may still lie too far back.
const ofOtherDays = TIMES.filter(({ text, utc }) => utc !== null && !text.startsWith('{day}'));
test.each(ofOtherDays)('a claim of $text is not refused for its form', async ({ text }) => {
  const { errors } = await claim(text, 'quest_1');
  expect(errors.filter(({ message }) => FORM.test(message))).toEqual([]);
});

const REFUSED = TIMES.filter(({ utc }) => utc === null);
test.each(REFUSED)('a claim of $text is refused, and names its field', async ({ text }) => {
  expect(await claim(onDay(text, TODAY), 'quest_1')).toEqual({
    status: 400,
    errors: [{ field: 'timestamp', message: expect.stringMatching(FORM) }],
  });
});

test.each(DAYS.filter(({ ok }) => !ok))('the day $text is refused', async ({ text }) => {
  const day = onDay(text, TODAY);
  const query = new URLSearchParams({ partner_id: 'bob', date: day });
  const read = await app.request(`/api/sync/daily-quests/completions?${query}`, { headers });
  const errors = [{ field: 'date', message: expect.stringMatching(/^expected a calendar date/) }];
  expect(await answerOf(read)).toEqual({ status: 400, errors });
  const { status, errors: claimErrors } = await claim(`${day}T06:01:00Z`, 'quest_1');
  expect([status, claimErrors.map(({ field }) => field)]).toEqual([400, ['timestamp']]);
});

test.each(DAYS.filter(({ ok }) => ok))('the day $text is read', async ({ text }) => {
  const query = new URLSearchParams({ partner_id: 'bob', date: onDay(text, TODAY) });
  const read = await app.request(`/api/sync/daily-quests/completions?${query}`, { headers });
  expect(read.status).toBe(200);
});

test('the OpenAPI document has the same patterns', async () => {
  const served = await app.request('/api/openapi.json');
  const written = JSON.stringify(await served.json());
  const patterns = [...written.matchAll(/"(?:pattern)":("(?:[^"\\]|\\.)*")/g)].map(
    ([, text]) => text,
  );
  expect(patterns).toEqual(
    expect.arrayContaining([TIME_PATTERN, DATE_PATTERN].map((text) => JSON.stringify(text))),
  );
});
