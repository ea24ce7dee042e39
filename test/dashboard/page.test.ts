import { request } from 'node:http';
import { Books } from '../gate/support/books';
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

beforeEach(async () => {
  await database.query(
    `truncate rtdb.quest_completions, mirror.divergence_log, mirror.readings, mirror.listings,
       mirror.canaries, mirror.identity, mirror.coverage, mirror.rates, mirror.hourly_arrivals,
       mirror.reading_ages`,
  );
  await forgetDirectWrites();
});

/** Tests write past the mirror, which it notes. */
const forgetDirectWrites = () => database.query('truncate mirror.direct_writes');

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

test('the page of a kit’s instance names it, and its own flag', async () => {
  const staging = await startRuntime({
    ...{ target: 'mirrorDashboard', databaseUrl: login.at(database.url) },
    rtdbHost: rtdb.standin.address,
    env: { FUNCTIONS_EMULATOR: 'true', FIREBASE_KIT_INSTANCE_ID: 'staging' },
  });
  try {
    await database.query(
      "insert into mirror.coverage (from_at, reason) values (now() - interval '1 hour', 'flag_off')",
    );
    const [own, other] = await Promise.all([(await fetch(staging.url)).text(), pageOf()]);
    expect(own).toContain('<span>demo-quests, staging</span>');
    expect(own).toContain('set <code>ENABLE_SUPABASE_DUAL_WRITE_STAGING</code> to true');
    expect(other).toContain('<span>demo-quests</span>');
    expect(other).toContain('set <code>ENABLE_SUPABASE_DUAL_WRITE</code> to true');
  } finally {
    await staging.stop();
  }
});

test("an empty mirror: the gate can't tell, in the words of `report`", async () => {
  const html = await pageOf();
  const { out } = await runCommand(['report', '--max-age', '5h'], { DATABASE_URL: database.url });
  const words = (text: string) => text.replace(/<[^>]*>/g, '').replace(/[^a-zA-Z]+/g, ' ');
  // Without the beginning: a second may pass between the two, or a path may be older by one.
  const sentence = /no canary has flown.*/.exec(words(out.split('\n')[0] ?? ''))?.[0];
  expect(sentence).toBeDefined();
  expect(words(html)).toContain(sentence?.trim());
  expect(html).toContain('<title>Can&#39;t tell');
  expect(html).toContain('What to do next:');
  expect(html).toContain('No difference is open.');
  expect(html).toContain('No divergence needs you.');
  expect(html).toContain('Nothing was judged in this time.');
});

test('a healthy mirror is ready, with both rates, its readings and its canaries', async () => {
  await new Books(database).healthy();
  await database.query("select mirror.count_figures('quest_completions', array['x'], 2)");
  const html = await pageOf();
  expect(html).toMatch(/<title>Ready/);
  expect(html).toContain('Copy: all keys that agree');
  expect(html).toContain('100.0000%');
  expect(html).toMatch(/30 couples\s*<small>30 within 1 h<\/small>/);
  expect(html).toMatch(/ask once more with readings of the last two hours/);
});

test('what differs, what is unread and what can not be read stands beside its path', async () => {
  const books = new Books(database);
  await books.healthy();
  await books.shard({ shard: 'late_x', read: '3 days', counted: '4 days' });
  await books.shard({ shard: 'broken_x', failed: '5 minutes' });
  await books.difference({ shard: 'couple1_x', keys: 120 });
  const html = await pageOf();
  expect(html).toMatch(/broken_x<\/bdi>: <bdi class="outside">RTDB answered 400/);
  expect(html).toContain('1 can&#39;t be read');
  expect(html).toMatch(/120 keys\s*<small>of quest_completions in <bdi class="outside">couple1_x/);
  expect(html).toContain('1 divergence open, to act on, of 120 keys');
});

test('one path by itself: its charts and its divergences', async () => {
  await new Books(database).healthy();
  await database.query(
    `insert into mirror.rates (path, hour, at, verdict, copy_keys, copy_differing, copy_unknown,
       copy_lower, copy_upper, mirror_keys, mirror_differing, mirror_unknown, mirror_lower,
       mirror_upper, shards, unread_shards, affected_shards)
     select path, date_trunc('hour', now(), 'UTC'), now(), verdict, 10, 0, 0, least, 1, 5, 0, 0, least, 1,
       3, 0, 0
     from (values ('lp_awards', 'ready', 0.995), ('steps', 'not_ready', 0.5)) as v (path, verdict, least)`,
  );
  await logDivergence(database, { path: 'steps', ref: 'steps_data/a_b/days/2026-11-20' });
  const all = await pageOf();
  expect(all).toContain('50.0000% to 100.0000%');
  expect(all).toContain('steps_data/a_b/days');
  const one = await pageOf('?path=lp_awards');
  expect(one).toContain('99.5000% to 100.0000%');
  expect(one).not.toContain('steps_data/a_b/days');
  expect(one).toContain('aria-current="true"');
});

test('the round counts what arrived in each hour, and how late', async () => {
  await database.query(
    `insert into rtdb.lp_awards (couple_id, award_id, payload, origin, event_id, event_time, mirrored_at)
     select 'a_b', 'award_' || n, '{}', 'rtdb', 'e' || n, at - interval '80 milliseconds', at
     from generate_series(1, 7) as n, (select now() - interval '3 hours' as at) as t`,
  );
  await forgetDirectWrites();
  await database.query("select mirror.count_figures('lp_awards', array['x'], 4)");
  const html = await pageOf('?path=lp_awards');
  expect(html).toContain('<td>80 ms</td>');
  expect(html).toContain('<td>7</td>');
  expect(await pageOf('?path=steps')).toContain('Nothing arrived in this time');
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
  await new Books(database).shard({ shard: `${SCRIPT}${BIDI}`, failed: '1 minute' });
  await database.query('update mirror.readings set error = $1', [`${SCRIPT}${BIDI}`]);
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
  expect(await pageOf('?story=999999')).toContain('The log has no divergence of this number.');
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
      ...{ kind: index % 3 ? 'value_mismatch' : 'missed_event', firstSeenAt: at },
      isResolved: index === 29,
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

test('what nobody need act on is not on the first page', async () => {
  const leaf = leafOf('ann_bob', 'quest_1', 'ann');
  await logDivergence(database, {
    ...leaf,
    kind: 'missed_event',
    cause: 'in_flight',
    severity: 'info',
  });
  await logDivergence(database, { ...leaf, kind: 'client_only', cause: 'client_without_rtdb' });
  await logDivergence(database, { ...leaf, kind: 'out_of_order', cause: 'race', severity: 'info' });
  expect(await pageOf()).toContain('No divergence needs you.');
  expect(await pageOf('?state=open')).toContain('3 divergences open; 1 to 3');
  await logDivergence(database, leaf);
  expect(await pageOf()).toContain('1 divergence open, to act on; 1 to 1');
});

test('a divergence of another path is shown by its ref, and opens its story', async () => {
  const ref = 'lp_awards/ann_bob/award_1';
  const id = await logDivergence(database, {
    ...{ path: 'lp_awards', ref, coupleId: 'ann_bob', kind: 'value_mismatch' },
    detail: { behind_ms: 12 },
  });
  expect(await pageOf()).toContain(`<bdi class="outside">${ref}</bdi> <small>lp_awards</small>`);
  const opened = await pageOf(`?story=${id}`);
  expect(opened).toContain('Neither side holds it.');
  expect(opened).toContain('behind_ms');
});

test('exports hold what the filter lets through, and no formula', async () => {
  await logDivergence(database, { ...leafOf('=cmd|x', 'quest_1', 'ann'), kind: 'out_of_order' });
  await logDivergence(database, { ...leafOf('ann_bob', 'quest_2', 'ann'), kind: 'missed_event' });
  const csv = await get('?kind=out_of_order&state=open&export=csv');
  expect(csv.headers.get('content-disposition')).toContain('divergences.csv');
  const lines = (await csv.text()).trim().split('\r\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain(`"'=cmd|x"`);
  const all = (await (await get('?state=open&export=json')).json()) as { kind: string }[];
  expect(all.map(({ kind }) => kind)).toEqual(['out_of_order', 'missed_event']);
  expect(await (await get('?state=resolved&export=json')).json()).toEqual([]);
  expect((await get('?export=xml')).status).toBe(404);
});

test('an export longer than one page of the log is whole', async () => {
  await database.query(
    `insert into mirror.divergence_log (path, ref, kind, cause, severity, detected_by)
     select 'quest_completions', 'daily_quests/x/' || n, 'out_of_order', 'unknown', 'info', 'reconciler'
     from generate_series(1, 4500) as n`,
  );
  expect(await (await get('?state=all&export=json')).json()).toHaveLength(4_500);
  expect((await (await get('?state=all&export=csv')).text()).trim().split('\r\n')).toHaveLength(
    4_501,
  );
});

test('nothing of what it showed is in its logs', () => {
  const logs = runtime.lines.join('\n');
  expect(logs).toContain('"dashboard_status":200');
  expect(logs).not.toMatch(/ann_bob|quest_|alert|couple=/);
});
