import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { completionEvent, send } from '../support/cloud-event';
import { runCommand } from '../support/command';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type Runtime, startRuntime } from '../support/runtime';
import { type StandinTree, startStandinTree } from '../support/standin-tree';
import { certificateFor } from '../support/tls-postgres';

/**
 * One setting, read by a function on the production runtime, by a verb and by doctor: all the same, and no
 * part of a secret anywhere. What is refused, and how: test/unit/database-url, certificate-authority.
 */

const LOGIN = `configured_${process.pid}`;
const PASSWORD = 'Tr0ub@SECRETPART/x9#?%&:"é ';
const ENCODED = encodeURIComponent(PASSWORD);
const ENCODE = 'special characters in the password must be percent-encoded';

let database: TestDatabase;
let rtdb: StandinTree;
let runtime: Runtime | undefined;
let namesAsked: string;

beforeAll(async () => {
  [database, rtdb] = await Promise.all([cloneDatabase(), startStandinTree()]);
  await database.query(
    `create role ${LOGIN} login password '${PASSWORD}' in role quest_mirror_writer`,
  );
  namesAsked = join(mkdtempSync(join(tmpdir(), 'quest-mirror-names-')), 'names-asked.cjs');
  writeFileSync(
    namesAsked,
    `const dns = require('node:dns');
     const { lookup } = dns;
     dns.lookup = (host, ...rest) => (console.log('DNS was asked for ' + host), lookup(host, ...rest));`,
  );
});

afterEach(async () => {
  await runtime?.stop();
  runtime = undefined;
});

afterAll(async () => {
  rmSync(dirname(namesAsked), { recursive: true });
  await rtdb?.standin.stop();
  await database?.query(`drop role ${LOGIN}`);
  await database?.drop();
});

function urlWith(password: string): string {
  const { host, pathname } = new URL(database.url);
  return `postgres://${LOGIN}:${password}@${host}${pathname}`;
}

interface Readings {
  /** What the function answered an event with. */
  status: number;
  /** All that the function wrote. */
  log: string;
  /** Exit codes of a verb and of doctor. */
  codes: number[];
  /** All that they wrote. */
  printed: string;
}

async function readingsOf(env: Record<string, string>): Promise<Readings> {
  const { QUEST_MIRROR_DATABASE_URL: databaseUrl = urlWith(ENCODED), ...others } = env;
  runtime = await startRuntime({ databaseUrl, env: others, preload: namesAsked });
  const running = runtime;
  const event = completionEvent();
  const status = await send(running.url, event);
  if (status !== 204) await running.outcomeOf(String(event.id));
  const here = { ...rtdb.env, DATABASE_URL: databaseUrl, ...others };
  const results = [await runCommand(['report'], here), await runCommand(['doctor'], here)];
  return {
    status,
    log: running.lines.join('\n'),
    codes: results.map(({ code }) => code),
    printed: results.map(({ out, errors }) => out + errors).join('\n'),
  };
}

const NOTHING_OF_IT = /SECRETPART|Tr0ub|x9[^-\w]|DNS was asked for (?!127\.0\.0\.1)/;

test.each([
  ['percent-encoded', (url: string) => url],
  ['with a line end, as echo leaves it', (url: string) => `${url}\n`],
  ['with a space', (url: string) => ` ${url} `],
  ['with a byte order mark', (url: string) => `\ufeff${url}\r\n`],
])('a password with every special character, %s, is one and the same', async (_case, write) => {
  const { status, log, codes, printed } = await readingsOf({
    QUEST_MIRROR_DATABASE_URL: write(urlWith(ENCODED)),
  });
  expect(status).toBe(204);
  // Nothing was compared, and the rules here let everybody in: both say so, having read what there is.
  expect(codes).toEqual([2, 0]);
  expect(printed).toMatch(/^warn +rules: /m);
  expect(printed).toMatch(/^ok {6}postgres: answers/m);
  expect(log + printed).not.toMatch(NOTHING_OF_IT);
});

test.each([
  ['an @ and a /', 'Tr0ub@SECRETPART/x9'],
  ['digits and a /', '123/SECRETPART'],
  ['digits and a #', '123#SECRETPART'],
  ['a %', 'SECRETPART%zz'],
  ['a line end within', 'SECRET\nPART'],
])(
  '%s in the password, not encoded: told by name, and DNS is asked for nothing',
  async (_case, password) => {
    const { status, log, codes, printed } = await readingsOf({
      QUEST_MIRROR_DATABASE_URL: urlWith(password),
    });
    expect(status).toBe(500);
    expect(codes).toEqual([2, 2]);
    for (const text of [log, printed]) {
      expect(text).toContain('DATABASE_URL is not usable: ');
      expect(text).toContain(ENCODE);
      expect(text).not.toMatch(NOTHING_OF_IT);
    }
  },
);

test('the line of the event has the parameter and what was expected of it', async () => {
  runtime = await startRuntime({ databaseUrl: `"${urlWith(ENCODED)}"` });
  const event = completionEvent();
  expect(await send(runtime.url, event)).toBe(500);
  expect(await runtime.outcomeOf(String(event.id))).toMatchObject({
    ...{ severity: 'ERROR', outcome: 'failed', error: 'ConfigurationError' },
    detail: 'QUEST_MIRROR_DATABASE_URL is not usable: expected no quotes around it',
  });
});

test.each<[string, () => Promise<string> | string]>([
  ['a path', () => '/etc/SECRETPART.pem'],
  ['a private key', async () => (await certificateFor('x.example.com')).private],
  [
    'a certificate that was cut off',
    async () => (await certificateFor('x.example.com')).cert.slice(0, 300),
  ],
])('DATABASE_CA with %s is told by its name', async (_case, write) => {
  const authority = await write();
  const { status, log, codes, printed } = await readingsOf({ DATABASE_CA: authority });
  expect(status).toBe(500);
  expect(codes).toEqual([2, 2]);
  for (const text of [log, printed]) {
    expect(text).toContain('DATABASE_CA is not usable: ');
    expect(text).not.toContain('self-signed');
    for (const part of authority.match(/[A-Za-z0-9+/]{20,}|SECRETPART/g) ?? []) {
      expect(text).not.toContain(part);
    }
  }
});

test('nothing of the URL is read while mirroring is off', async () => {
  const env = { ENABLE_SUPABASE_DUAL_WRITE: 'false', DATABASE_CA: '/etc/SECRETPART.pem' };
  runtime = await startRuntime({ databaseUrl: urlWith('Tr0ub@SECRETPART/x9'), env });
  const { url, lines } = runtime;
  expect(await send(url, completionEvent())).toBe(204);
  await eventually(() => lines.some((line) => line.includes('"outcome":"disabled"')));
});
