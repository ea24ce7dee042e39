import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonValue } from './cloud-event';

/** Answers RTDB's REST reads with what a test says RTDB holds. */
export interface RtdbStub {
  /** For `FIREBASE_DATABASE_EMULATOR_HOST`. */
  readonly host: string;
  /** Literal paths that were read. */
  readonly reads: string[];
  /** What RTDB holds at exactly this path; anything else is null. */
  hold(path: string, value: JsonValue): void;
  /** Whether reads are answered, refused with 503, or never answered. */
  mode: 'answers' | 'refuses' | 'hangs';
  stop(): Promise<void>;
}

export async function startRtdbStub(): Promise<RtdbStub> {
  const held = new Map<string, JsonValue>();
  const reads: string[] = [];
  const respond = (path: string, response: ServerResponse): void => {
    reads.push(path);
    if (stub.mode === 'hangs') return;
    response.statusCode = stub.mode === 'refuses' ? 503 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(held.get(path) ?? null));
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://rtdb');
    respond(decodeURIComponent(pathname.slice(1).replace(/\.json$/, '')), response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const stub: RtdbStub = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads,
    hold: (path, value) => void held.set(path, value),
    mode: 'answers',
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}
