import { get } from 'node:http';
import { z } from 'zod';
import { eventually } from '../support/eventually';
import { emptyTables } from '../support/mirror-tables';
import type { Stage } from './stage';

/** Claims are of these days. */
const DATE = new Date().toISOString().slice(0, 10);
const PARTNER = 'bob_smith';
const signUpSchema = z.object({ idToken: z.string(), localId: z.string() });

/** HTTP functions as the emulators serve them: Hosting's rewrite, ID tokens of Firebase Auth. */
export function apiSuite(stage: () => Stage): void {
  let emulators: Stage['emulators'];
  let rtdb: Stage['rtdb'];
  let user: { idToken: string; localId: string };

  beforeAll(async () => {
    ({ emulators, rtdb } = stage());
    const signUp = await fetch(
      `http://${emulators.authHost}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'ann@example.com', password: 'a password' }),
      },
    );
    user = signUpSchema.parse(await signUp.json());
  });

  const call = (path: string, init: RequestInit = {}, token = user.idToken) =>
    fetch(`${emulators.hostingOrigin}${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    });

  const claim = (token?: string) =>
    call(
      '/api/sync/daily-quests/completion',
      {
        method: 'POST',
        body: JSON.stringify({
          ...{ quest_id: 'quest_1', user_id: user.localId, partner_id: PARTNER },
          timestamp: `${DATE}T06:01:00.006`,
        }),
      },
      token,
    );

  test("a signed-in user's claim is taken once, and the validation read compares it", async () => {
    expect(await (await claim()).json()).toEqual({ status: 'applied' });
    expect(await (await claim()).json()).toEqual({ status: 'duplicate' });
    const read = () =>
      call(`/api/sync/daily-quests/completions?partner_id=${PARTNER}&date=${DATE}`);
    expect(await (await read()).json()).toMatchObject({
      ...{ completions: [{ user_id: user.localId }], consistent: false },
    });
    const couple = [user.localId, PARTNER].sort().join('_');
    await rtdb.set(['daily_quests', couple, DATE, 'completions', 'quest_1', user.localId], true);
    expect(await (await read()).json()).toMatchObject({ consistent: true });
  });

  test('the dashboard is there for this machine, with its files and its exports', async () => {
    const page = await fetch(emulators.dashboardUrl);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const html = await page.text();
    expect(html).toContain('mirroring has been on for');
    for (const [, address = ''] of html.matchAll(/(?:src|href)="(\?asset=[^"]+)"/g)) {
      expect((await fetch(new URL(address, emulators.dashboardUrl))).status).toBe(200);
    }
    // What the validation read above found.
    const rows = await (await fetch(`${emulators.dashboardUrl}?export=json&state=all`)).json();
    expect(rows).toMatchObject([{ kind: 'client_only', detected_by: 'api' }]);
    expect(await statusFor(emulators.dashboardUrl, 'rebound.example')).toBe(403);
  });

  test('a claim without a token that Firebase made is refused', async () => {
    expect((await claim('e30.e30.')).status).toBe(401);
    expect((await call('/api/healthz', {}, 'none')).status).toBe(200);
  });

  // The suites to come count what is in both stores.
  afterAll(() => clear(stage()));
}

/** Empties both stores once the events of this suite's one leaf are through. */
async function clear({ database, rtdb }: Stage): Promise<void> {
  const untilRow = (is: string) =>
    eventually(
      async () =>
        (await database.query(`select from rtdb.quest_completions where ${is}`)).length > 0,
      { describe: `a completion with ${is}`, timeoutMs: 20_000 },
    );
  await untilRow(`event_id is not null and deleted_at is null`);
  await rtdb.remove(['daily_quests']);
  await untilRow(`deleted_at is not null`);
  await emptyTables(database);
}

/** As a page elsewhere whose name resolves to this machine would ask. */
function statusFor(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once('error', reject);
  });
}
