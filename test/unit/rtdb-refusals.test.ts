import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readRtdb } from '../../functions/src/rtdb/rtdb-client';

/** RTDB's own words about why it refuses, from a server that says them. */

/** What an emulator is shown; to anybody else but Google no token goes. */
const TOKEN = 'owner';
const neverAsked = () => Promise.reject(new Error('asked'));
const MOVED = 'https://mine.europe-west1.firebasedatabase.app';

async function refusal(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const database = { origin: `http://127.0.0.1:${port}`, namespace: 'mine', instance: 'mine' };
  try {
    await readRtdb({ database, accessToken: neverAsked, firstPauseMs: 1 }, { path: ['x'] });
    return 'it answered';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const json = (value: unknown) => JSON.stringify(value);

test.each<[number, string, string]>([
  [
    404,
    json({ correctUrl: MOVED, error: 'Database lives in a different region.' }),
    `RTDB answered 404: Database lives in a different region. correctUrl: ${MOVED}`,
  ],
  [404, json({ correctUrl: MOVED }), `RTDB answered 404: correctUrl: ${MOVED}`],
  [404, 'not found', 'RTDB answered 404: the database does not exist'],
  [
    423,
    json({ error: 'The database was disabled.' }),
    'RTDB answered 423: the database is locked or disabled: The database was disabled.',
  ],
  [
    400,
    json({ error: 'orderBy must be a valid JSON encoded path' }),
    'RTDB answered 400: orderBy must be a valid JSON encoded path',
  ],
  [
    401,
    json({ error: 'Unauthorized request.' }),
    'RTDB answered 401: the credentials are not accepted: Unauthorized request.',
  ],
  [
    403,
    json({ error: { code: 403, message: 'Permission denied' } }),
    'RTDB answered 403: the credentials may not read this database: Permission denied',
  ],
  [500, json({ error: 'Internal' }), 'RTDB answered 500: Internal'],
  [400, json({ error: 5, correctUrl: {} }), 'RTDB answered 400'],
  [400, json({ error: ' ' }), 'RTDB answered 400'],
  [400, '[]', 'RTDB answered 400'],
  [400, 'null', 'RTDB answered 400'],
  [400, json({ error: '\u001b[31mred\nline' }), 'RTDB answered 400: \\u001b[31mred\\u000aline'],
  [400, json({ error: `no ${TOKEN} here` }), 'RTDB answered 400: no … here'],
])('%i %s', async (status, body, message) => {
  expect(await refusal(status, body)).toBe(message);
});

test('a long text is cut', async () => {
  const message = await refusal(400, json({ error: 'x'.repeat(100_000) }));
  expect(message.length).toBeLessThan(350);
});

test('credentials that never come are given up with the request', async () => {
  const database = { origin: 'https://mine.firebaseio.com', namespace: null, instance: 'mine' };
  const accessToken = () => new Promise<string>(() => {});
  const asked = readRtdb(
    { database, timeoutMs: 10, firstPauseMs: 1, accessToken },
    { path: ['x'] },
  );
  await expect(asked).rejects.toThrow("RTDB can't be reached");
});
