import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Collector } from './collector';

export interface ReceivedEvent {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface EventReceiver {
  readonly port: number;
  readonly url: string;
  readonly received: Collector<ReceivedEvent>;
  stop(): Promise<void>;
}

/** An HTTP server that keeps what it is sent and answers with `status`. */
export async function startEventReceiver(status = 204): Promise<EventReceiver> {
  const received = new Collector<ReceivedEvent>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(status).end();
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      received.add({ url: request.url ?? '', headers: request.headers, body });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    received,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
