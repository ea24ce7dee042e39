import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonValue } from './cloud-event';

/** Answers RTDB's REST reads with what a test says RTDB holds. */
export interface RtdbStub {
  /** For `FIREBASE_DATABASE_EMULATOR_HOST`. */
  readonly host: string;
  /** Literal paths that were read. */
  readonly reads: string[];
  /** What RTDB holds at this path; outside of what was set, it holds nothing. */
  hold(path: string, value: JsonValue): void;
  /** Whether reads are answered, refused with 503, or never answered. */
  mode: 'answers' | 'refuses' | 'hangs';
  stop(): Promise<void>;
}

export async function startRtdbStub(): Promise<RtdbStub> {
  const held = new Map<string, JsonValue>();
  /** Made once: a large value would else take longer than its readers wait. */
  const texts = new Map<string, string>();
  const reads: string[] = [];
  const valueAt = (path: string): JsonValue => {
    const [above, value] = [...held].find(([at]) => `${path}/`.startsWith(`${at}/`)) ?? [];
    if (above === undefined || value === undefined) return null;
    const below = path
      .slice(above.length + 1)
      .split('/')
      .filter((key) => key !== '');
    return below.reduce<JsonValue>((node, key) => childOf(node, key), value);
  };
  const respond = (path: string, isShallow: boolean, response: ServerResponse): void => {
    reads.push(path);
    if (stub.mode === 'hangs') return;
    response.statusCode = stub.mode === 'refuses' ? 503 : 200;
    response.setHeader('content-type', 'application/json');
    const known = texts.get(path);
    if (known !== undefined && !isShallow) return void response.end(known);
    const text = JSON.stringify(isShallow ? keysOf(valueAt(path)) : valueAt(path));
    if (!isShallow) texts.set(path, text);
    response.end(text);
  };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://rtdb');
    const path = decodeURIComponent(pathname.slice(1).replace(/\.json$/, ''));
    respond(path, searchParams.get('shallow') === 'true', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const stub: RtdbStub = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads,
    hold(path, value) {
      held.set(path, value);
      texts.clear();
    },
    mode: 'answers',
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}

function childOf(node: JsonValue, key: string): JsonValue {
  return typeof node === 'object' && node !== null
    ? (Object.entries(node).find(([own]) => own === key)?.[1] ?? null)
    : null;
}

function keysOf(node: JsonValue): JsonValue {
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(Object.keys(node).map((key) => [key, true]));
}
