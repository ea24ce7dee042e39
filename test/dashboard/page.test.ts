import { request } from 'node:http';
import { runCommand } from '../support/command';
import { leafOf, logDivergence } from '../support/dashboard-log';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { createRoleLogin, type RoleLogin } from '../support/role-login';
import { type Runtime, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';

/** The dashboard as it is deployed: functions-framework in front, HTTP from outside. */

let database: TestDatabase;
let rtdb: StandinTree;
let runtime: Runtime;
/** As a team has it that gives the dashboard a secret of its own. */
let login: RoleLogin;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  login = await createRoleLogin('quest_mirror_reader');
  runtime = await startRuntime({
    ...{ target: 'mirrorDashboard', databaseUrl: login.at(database.url) },
    rtdbHost: rtdb.standin.address,
    env: { FUNCTIONS_EMULATOR: 'true' },
  });
});

afterAll(async () => {
  await runtime?.stop();
  await rtdb?.standin.stop();
  await database?.drop();
  await login?.drop();
});

beforeEach(() =>
  database.query(
    `truncate rtdb.quest_completions, mirror.divergence_log, mirror.reconcile_runs,
       mirror.coverage cascade`,
  ),
);

const get = (address = '') => fetch(`${runtime.url}${address}`);
const pageOf = async (address = '') => (await get(address)).text();

function getAs(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: runtime.port, host: '127.0.0.1', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', reject);
    asked.end();
  });
}

test("an empty mirror: the gate can't tell", async () => {
  const html = await pageOf();
  expect(html).toContain('Can&#39;t tell');
  expect(html).toContain('None is open.');
  expect(html).toContain('No run began in this time.');
});

test('the policy lets nothing inline run, and every answer is kept from caches and frames', async () => {
  const first = await get();
  const policy = first.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; script-src 'nonce-[\w+/=]{24}'; /);
  expect(policy).not.toContain('unsafe');
  expect(policy).toContain("frame-ancestors 'none'");
  expect(first.headers.get('cache-control')).toBe('no-store');
  expect(first.headers.get('x-content-type-options')).toBe('nosniff');
  expect((await get()).headers.get('content-security-policy')).not.toBe(policy);
  const html = await first.text();
  const nonce = /nonce-([\w+/=]+)/.exec(policy)?.[1];
  expect(html.match(/<script/g)).toHaveLength(3);
  expect(html.split(`nonce="${nonce}"`)).toHaveLength(6);
  expect(html).not.toMatch(/ style=| on[a-z]+=|javascript:/);
});

test('its files are served under names that change with them, and cached', async () => {
  const files = [...(await pageOf()).matchAll(/(?:src|href)="(\?asset=[^"]+)"/g)];
  expect(files).toHaveLength(5);
  for (const [, address] of files) {
    const file = await get(address);
    expect([file.status, file.headers.get('cache-control')]).toEqual([
      200,
      'private, max-age=31536000, immutable',
    ]);
  }
  expect((await get('?asset=../../package.json')).status).toBe(404);
});

test('in the emulator it answers to no other name and from no other path', async () => {
  expect(await getAs({ host: 'localhost:5001' })).toBe(200);
  expect(await getAs({ host: 'rebound.example' })).toBe(403);
  expect((await get('elsewhere')).status).toBe(404);
  expect((await fetch(runtime.url, { method: 'POST', body: 'x' })).status).toBe(405);
  expect(await (await fetch(runtime.url, { method: 'HEAD' })).text()).toBe('');
});

const SCRIPT = '<script>alert(1)</script>';
const BIDI = '\u202egnp.exe\u2066';

test('what comes from outside is text, and nothing else', async () => {
  const id = await logDivergence(database, {
    ...leafOf(`a"><img src=x onerror=alert(1)>${BIDI}_b`, SCRIPT, `b${BIDI}`),
    ...{ rtdbValue: { [SCRIPT]: `${BIDI}</code>` }, detail: { note: '\'"><svg onload=alert(1)>' } },
  });
  await database.query(
    `insert into mirror.coverage (from_at, reason, detail)
     values (now() - interval '1 hour', 'outage', $1::jsonb)`,
    [JSON.stringify({ note: SCRIPT })],
  );
  await database.query(
    `insert into mirror.reconcile_runs (started_at, finished_at, status, from_date, to_date, error, config)
     values (now(), now(), 'failed', current_date, current_date, $1, '{}')`,
    [`${SCRIPT}${BIDI}`],
  );
  for (const address of ['', `?story=${id}`, `?couple=${encodeURIComponent(`"'${SCRIPT}`)}`]) {
    const html = await pageOf(address);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toMatch(/<script>|<img|<svg onload|\u202e|\u2066/);
  }
  expect(await pageOf(`?story=${id}`)).toContain('\\u202egnp.exe\\u2066');
});

test('a value of 1 MB is cut, and says so', async () => {
  const leaf = leafOf('ann_bob', 'quest_1', 'ann');
  const id = await logDivergence(database, { ...leaf, rtdbValue: 'x'.repeat(1_000_000) });
  await rtdb.rest.set(leaf.ref.split('/'), { note: 'y'.repeat(1_000_000) });
  const html = await pageOf(`?story=${id}`);
  // The log keeps a head of it; RTDB's own value is cut by the page.
  expect(html).toContain('bytes&quot;:1000002');
  expect(html).toContain('… (1000011 chars)');
  expect(html.length).toBeLessThan(100_000);
});

test('a row opens the story that `explain` prints', async () => {
  const leaf = leafOf('ann_bob', 'quest_2', 'bob');
  const id = await logDivergence(database, { ...leaf, detail: { behind_ms: 4711 } });
  await rtdb.rest.set(leaf.ref.split('/'), true);
  const html = await pageOf(`?story=${id}`);
  const { out } = await runCommand(['explain', leaf.ref], {
    DATABASE_URL: database.url,
    ...rtdb.env,
  });
  const [comparison = ''] = out.split('\n');
  expect(comparison).toBe('RTDB holds it, Postgres does not.');
  expect(html).toContain(comparison);
  expect(html).toContain('behind_ms&quot;:4711');
  expect(html).toContain('aria-expanded="true"');
  expect(await pageOf('?story=999999')).toContain('There is no such divergence in the log.');
});

test('without RTDB the story says so and shows what Postgres knows', async () => {
  const alone = await startRuntime({ target: 'mirrorDashboard', databaseUrl: database.url });
  try {
    const id = await logDivergence(database, leafOf('ann_bob', 'quest_3', 'bob'));
    const html = await (await fetch(`${alone.url}?story=${id}`)).text();
    expect(html).toContain('What Postgres knows; RTDB could not be read');
    expect(html).toContain('no row');
  } finally {
    await alone.stop();
  }
});

test('without Postgres the page says so, part by part, and tells no secret', async () => {
  const away = await startRuntime({
    ...{ target: 'mirrorDashboard', databaseUrl: 'postgres://user:MARKER@127.0.0.1:9/none' },
  });
  try {
    const response = await fetch(away.url);
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(html.match(/Postgres does not answer/g)?.length).toBeGreaterThan(2);
    expect((await fetch(`${away.url}?export=csv`)).status).toBe(503);
    expect(html + away.lines.join('\n')).not.toContain('MARKER');
  } finally {
    await away.stop();
  }
});

test('the table filters, sorts and pages', async () => {
  for (let index = 0; index < 30; index += 1) {
    const at = `2025-11-20T10:${String(index).padStart(2, '0')}:00Z`;
    await logDivergence(database, {
      ...leafOf(index % 2 ? 'ann_bob' : 'cat_dan', `quest_${index}`, index % 2 ? 'ann' : 'cat'),
      ...{ kind: index % 3 ? 'late' : 'missed_event', firstSeenAt: at, isResolved: index === 29 },
    });
  }
  const questsOn = async (address: string) =>
    [...(await pageOf(address)).matchAll(/<bdi class="outside">(quest_\d+)<\/bdi>/g)].map(
      ([, quest]) => quest,
    );
  expect(await questsOn('')).toHaveLength(25);
  expect((await questsOn(''))[0]).toBe('quest_28');
  expect(await questsOn('?page=2')).toHaveLength(4);
  expect((await questsOn('?sort=first_seen'))[0]).toBe('quest_0');
  expect(await questsOn('?state=resolved')).toEqual(['quest_29']);
  expect(await questsOn('?couple=ann_bob&kind=missed_event')).toHaveLength(5);
  expect(await questsOn('?day=2025-11-21&state=all')).toEqual([]);
  expect(await questsOn('?severity=info&state=all')).toEqual([]);
});

test('a divergence of another path is shown by its ref, with its evidence', async () => {
  const ref = 'lp_awards/ann_bob/award_1';
  const id = await logDivergence(database, {
    ...{ path: 'lp_awards', ref, coupleId: 'ann_bob', kind: 'out_of_order', cause: 'race' },
    detail: { behind_ms: 12 },
  });
  expect(await pageOf()).toContain(`<bdi class="outside">${ref}</bdi> <small>lp_awards</small>`);
  const opened = await pageOf(`?story=${id}`);
  expect(opened).toContain('The ref names no single completion');
  expect(opened).toContain('behind_ms');
});

test('exports hold what the filter lets through, and no formula', async () => {
  await logDivergence(database, { ...leafOf('=cmd|x', 'quest_1', 'ann'), kind: 'late' });
  await logDivergence(database, { ...leafOf('ann_bob', 'quest_2', 'ann'), kind: 'missed_event' });
  const csv = await get('?kind=late&export=csv');
  expect(csv.headers.get('content-disposition')).toContain('divergences.csv');
  const lines = (await csv.text()).trim().split('\r\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain(`"'=cmd|x"`);
  const all = (await (await get('?export=json')).json()) as { kind: string }[];
  expect(all.map(({ kind }) => kind)).toEqual(['late', 'missed_event']);
  expect(await (await get('?state=resolved&export=json')).json()).toEqual([]);
  expect((await get('?export=xml')).status).toBe(404);
});

test('an export longer than one page of the log is whole', async () => {
  await database.query(
    `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by)
     select 'quest_completions', 'daily_quests/x/' || n, 'late', 'unknown', 'info', 'reconciler'
     from generate_series(1, 4500) as n`,
  );
  expect(await (await get('?export=json')).json()).toHaveLength(4_500);
  expect((await (await get('?export=csv')).text()).trim().split('\r\n')).toHaveLength(4_501);
});

test('nothing of what it showed is in its logs', () => {
  const logs = runtime.lines.join('\n');
  expect(logs).toContain('"dashboard_status":200');
  expect(logs).not.toMatch(/ann_bob|quest_|alert|couple=/);
});
