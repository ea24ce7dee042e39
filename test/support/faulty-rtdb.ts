import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request gets instead of RTDB's answer. */
export type Fault = { status: number } | 'cut-off-json' | 'cut-connection' | 'hangs';

/** A proxy before an RTDB that answers some requests wrongly. */
export interface FaultyRtdb {
  address: string;
  /** Decides for each request, by its path and its number from 1; null = as RTDB answers. */
  fault: (path: string, count: number) => Fault | null;
  count(): number;
  stop(): Promise<void>;
}

export async function startFaultyRtdb(address: string): Promise<FaultyRtdb> {
  let count = 0;
  const server = createServer((incoming, outgoing) => {
    count += 1;
    const path = decodeURIComponent(incoming.url ?? '/');
    const fault = faulty.fault(path, count);
    if (fault === 'hangs') return;
    if (fault === 'cut-connection') return void outgoing.destroy();
    if (fault === 'cut-off-json') return void outgoing.end('{"2025-11-19":{"compl');
    if (fault !== null) return void outgoing.writeHead(fault.status).end('{"error":"no"}');
    const [host, port] = address.split(':');
    const { method, headers, url } = incoming;
    const onward = request({ host, port, method, headers, path: url }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const faulty: FaultyRtdb = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: () => null,
    count: () => count,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return faulty;
}
