import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, createGzip, deflateSync, gzipSync } from 'node:zlib';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { peakMegabytes } from '../support/memory';
import { type Runtime, startRuntime } from '../support/runtime';
import { startTokenMint, type TokenMint } from '../support/tokens';

/** What a stranger can do with bodies, on the production runtime: no token is needed for any of it. */

const CLAIM = '/api/sync/daily-quests/completion';
/** A quiet run peaks at 140; one body of these that was parsed would take 250 more. */
const MAX_MB = 190;
/** Of the API's promise; the attacker shares this machine and this process. */
const HEALTHY_WITHIN_MS = 3_000;

let mint: TokenMint;
let database: TestDatabase;
let api: Runtime;
let dashboard: Runtime;

beforeAll(async () => {
  [mint, database] = await Promise.all([startTokenMint(), cloneDatabase()]);
  [api, dashboard] = await Promise.all([
    startRuntime({
      ...{ target: 'mirrorApi', databaseUrl: database.url },
      env: { SUPABASE_JWT_ISSUER: mint.supabaseIssuer, NODE_ENV: 'production' },
    }),
    startRuntime({
      ...{ target: 'mirrorDashboard', databaseUrl: database.url },
      env: { NODE_ENV: 'production' },
    }),
  ]);
});

afterAll(async () => {
  await Promise.all([api?.stop(), dashboard?.stop(), mint?.stop()]);
  await database?.drop();
});

/** 300 MB of zeros. */
async function bomb(): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => gzip.once('end', resolve));
  const megabyte = Buffer.alloc(1 << 20, '0');
  for (let n = 0; n < 300; n += 1) {
    if (!gzip.write(megabyte)) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

const post = (runtime: Runtime, body: Buffer | string, headers: Record<string, string> = {}) =>
  fetch(`${runtime.url}${runtime === api ? CLAIM.slice(1) : ''}`, {
    ...{ method: 'POST', body: typeof body === 'string' ? body : new Uint8Array(body) },
    headers: { 'content-type': 'application/json', ...headers },
  });

/** Sends text and answers all that comes until the peer closes. */
function talk(port: number, text: string, keepTalking?: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (data) => {
      heard += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard));
    keepTalking?.(socket);
  });
}

const JSON_TYPE = 'content-type: application/json';
const head = (...lines: string[]) => [...lines, 'host: x', '', ''].join('\r\n');
const isHealthy = async () => (await fetch(`${api.url}api/healthz`)).status;

/** The slowest answer of healthz while something goes on. */
async function slowestHealth<T>(work: Promise<T>): Promise<{ slowestMs: number; result: T }> {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  let slowestMs = 0;
  while (!isOver) {
    const startedAt = performance.now();
    expect(await isHealthy()).toBe(200);
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    await delay(20);
  }
  return { slowestMs, result: await ended };
}

test('compressed bodies of 300 MB are refused unread, whatever they are compressed by', async () => {
  const zeros = await bomb();
  const attack = Promise.all([
    ...Array.from({ length: 20 }, () => post(api, zeros, { 'content-encoding': 'gzip' })),
    post(api, deflateSync('{}'), { 'content-encoding': 'deflate' }),
    post(api, brotliCompressSync('{}'), { 'content-encoding': 'br' }),
    post(api, gzipSync('{}'), { 'content-encoding': 'GZip' }),
    post(api, '{}', { 'content-encoding': 'identity, gzip' }),
    post(dashboard, zeros, { 'content-encoding': 'gzip' }),
  ]);
  const { slowestMs, result } = await slowestHealth(attack);
  expect(new Set(result.slice(0, -1).map(({ status }) => status))).toEqual(new Set([415]));
  expect(result.at(-1)?.status).toBe(405);
  expect(result[0]?.headers.get('content-type')).toBe('application/problem+json');
  expect(slowestMs).toBeLessThan(HEALTHY_WITHIN_MS);
  expect(peakMegabytes(api.pid)).toBeLessThan(MAX_MB);
  expect(peakMegabytes(dashboard.pid)).toBeLessThan(MAX_MB);
});

test('bodies over 16 KiB are refused, whether their length is announced or not', async () => {
  const objects = Buffer.from(`[${'{},'.repeat(2_700_000)}{}]`);
  const chunk = `${objects.length.toString(16)}\r\n`;
  const send = (announced: string, before = '') =>
    talk(api.port, head(`POST ${CLAIM} HTTP/1.1`, announced, JSON_TYPE) + before, (socket) =>
      socket.once('connect', () => socket.write(objects)),
    );
  const attack = Promise.all([
    ...Array.from({ length: 5 }, () => send(`content-length: ${objects.length}`)),
    ...Array.from({ length: 5 }, () => send('transfer-encoding: chunked', chunk)),
    post(api, 'x'.repeat(16 * 1024 + 1)).then(
      ({ status }) => `HTTP/1.1 ${status} connection: close`,
    ),
  ]);
  const { slowestMs, result } = await slowestHealth(attack);
  for (const answer of result) expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/i);
  expect(slowestMs).toBeLessThan(HEALTHY_WITHIN_MS);
  expect(peakMegabytes(api.pid)).toBeLessThan(MAX_MB);
});

test('a body that never ends, or comes drop by drop, is given up', async () => {
  const drop = (socket: Socket) => {
    const timer = setInterval(() => socket.write('1\r\nx\r\n'), 100);
    socket.once('close', () => clearInterval(timer));
  };
  const flood = (socket: Socket) => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('connect', pour).on('drain', pour);
  };
  const chunked = (method: string) =>
    head(`${method} ${CLAIM} HTTP/1.1`, 'transfer-encoding: chunked');
  const silent = head(`POST ${CLAIM} HTTP/1.1`, 'content-length: 9');
  const answers = await Promise.all([
    talk(api.port, silent),
    talk(api.port, chunked('POST'), drop),
    talk(api.port, chunked('GET'), drop),
    talk(api.port, chunked('POST'), flood),
    talk(dashboard.port, chunked('POST').replace(CLAIM, '/'), drop),
    talk(dashboard.port, chunked('GET').replace(CLAIM, '/'), flood),
  ]);
  const statuses = answers.map((answer) => answer.slice(9, 12));
  expect(statuses).toEqual(['408', '408', '408', '413', '405', '413']);
  expect(await isHealthy()).toBe(200);
  expect(peakMegabytes(api.pid)).toBeLessThan(MAX_MB);
}, 20_000);

test('other odd bodies end without a crash', async () => {
  const large = `content-length: ${1 << 20}`;
  // The body is not even asked for.
  const refused = await talk(
    api.port,
    head(`POST ${CLAIM} HTTP/1.1`, 'expect: 100-continue', large),
  );
  expect(refused).toMatch(/^HTTP\/1\.1 413 /);
  const asked = await talk(
    api.port,
    head(
      `POST ${CLAIM} HTTP/1.1`,
      'expect: 100-continue',
      'connection: close',
      'content-length: 2',
    ),
    (socket) => socket.once('data', () => socket.write('{}')),
  );
  expect(asked).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 415 /);
  // The sender hangs up within the body.
  await talk(api.port, `${head(`POST ${CLAIM} HTTP/1.1`, 'content-length: 9')}{`, (socket) =>
    socket.on('connect', () => setTimeout(() => socket.destroy(), 50)),
  );
  const health = 'GET /api/healthz HTTP/1.1';
  const pipelined = await talk(
    api.port,
    `${head(health, 'content-length: 2')}{}${head(health)}${head(health, 'connection: close')}`,
  );
  expect(pipelined.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
  expect((await talk(api.port, head('HEAD /api/healthz HTTP/1.1', large))).slice(9, 12)).toBe(
    '413',
  );
  expect(await isHealthy()).toBe(200);
});

test('methods that nobody serves are a 405, and no complaint about settings', async () => {
  for (const method of ['TRACE', 'PROPFIND', 'QUERY', 'PATCH']) {
    const request = head(`${method} ${CLAIM} HTTP/1.1`, 'connection: close');
    expect((await talk(api.port, request)).slice(9, 12)).toBe('405');
    const page = head(`${method} / HTTP/1.1`, 'connection: close');
    expect((await talk(dashboard.port, page)).slice(9, 12)).toBe('405');
  }
  await talk(api.port, head('CONNECT example.com:443 HTTP/1.1'));
  expect((await talk(api.port, head('ANYTHING / HTTP/1.1'))).slice(9, 12)).toBe('400');
  expect(await isHealthy()).toBe(200);
  expect([...api.lines, ...dashboard.lines].join('\n')).not.toContain('not configured');
});

test('nothing of a request reaches the log, and none of its lines can be forged', async () => {
  const marker = createHash('sha256').update('marker').digest('hex').slice(0, 12);
  const forged = `${marker}\n{"severity":800,"message":"${marker}"}\n`;
  for (const runtime of [api, dashboard]) {
    for (const type of ['application/json', 'application/x-www-form-urlencoded', `x/${marker}`]) {
      await (await post(runtime, forged, { 'content-type': type })).arrayBuffer();
    }
    await post(runtime, forged, { 'content-type': `application/json; charset=${marker}` });
    for (const path of [
      `/%zz${marker}`,
      `/api/%${marker}%0a{}`,
      `//${marker}/%`,
      `/?${marker}=%zz`,
    ]) {
      const answer = await talk(runtime.port, head(`GET ${path} HTTP/1.1`, 'connection: close'));
      expect(answer.slice(9, 12)).toMatch(/^(404|200)$/);
      expect(answer).not.toContain('    at ');
    }
    await talk(
      runtime.port,
      head(`GET /${marker} HTTP/1.1`, `function-execution-id: ${marker}`, 'connection: close'),
    );
  }
  // A last request's line, so that all before it have been written.
  const lastLine = () => api.lines.findLast((line) => line.includes('"api_status":404'));
  await eventually(() => lastLine() ?? null, { describe: 'the line of the last request' });
  expect([...api.lines, ...dashboard.lines].filter((line) => line.includes(marker))).toEqual([]);
});
