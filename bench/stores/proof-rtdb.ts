import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { daysBack, nodeOf, numberOf, shardOf } from './proof-dataset';

// RTDB's REST API for the proof's benches, a process of its own: nodes, ranges of keys and pages of a listing, with
// heads as long as RTDB's. Nothing is held: a million couples cost no memory.
const [couples = 0, historyDays = 0, differentEvery = 0] = process.argv.slice(2).map(Number);
const days = daysBack(historyDays);

/** As a database of Google's answers; they are billed with the rest. */
const HEADS = {
  Server: 'nginx',
  'Content-Type': 'application/json; charset=utf-8',
  'Access-Control-Allow-Origin': '*',
  'Cache-Control': 'no-cache',
  'Strict-Transport-Security': 'max-age=31556926; includeSubDomains; preload',
};

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://rtdb');
  const keys = decodeURIComponent(url.pathname.replace(/\.json$/, ''))
    .split('/')
    .slice(1);
  const body = JSON.stringify(answerTo(keys, url.searchParams));
  response.writeHead(200, { ...HEADS, 'Content-Length': Buffer.byteLength(body) }).end(body);
});

function answerTo([root = '', shard, ...below]: string[], query: URLSearchParams): unknown {
  if (shard === undefined) return pageOf(query);
  const n = numberOf(shard);
  if (n === null || (root !== 'daily_quests' && root !== 'lp_awards')) return null;
  const isDifferent = differentEvery > 0 && n % differentEvery === 0;
  let node: unknown = nodeOf(root, n, days, isDifferent);
  for (const key of below) node = (node as Record<string, unknown> | null)?.[key] ?? null;
  return query.size > 1 || query.has('shallow') ? part(node, query) : node;
}

function pageOf(query: URLSearchParams): unknown {
  const after = query.get('startAfter');
  const first = after === null ? 0 : (numberOf(JSON.parse(quoted(after))) ?? 0) + 1;
  const most = Math.min(Number(query.get('limitToFirst') ?? couples), couples - first);
  return Object.fromEntries(Array.from({ length: most }, (_, n) => [shardOf(first + n), true]));
}

function part(node: unknown, query: URLSearchParams): unknown {
  const bound = (name: string) => query.get(name)?.replace(/^"|"$/g, '');
  const [from, to, after] = ['startAt', 'endAt', 'startAfter'].map(bound);
  const entries = Object.entries(node ?? {}).filter(
    ([key]) =>
      (from === undefined || key >= from) &&
      (to === undefined || key <= to) &&
      (after === undefined || key > after),
  );
  const some = entries.slice(0, Number(query.get('limitToFirst') ?? entries.length));
  if (some.length === 0) return null;
  return Object.fromEntries(query.has('shallow') ? some.map(([key]) => [key, true]) : some);
}

function quoted(text: string): string {
  return text.startsWith('"') ? text : JSON.stringify(text);
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
