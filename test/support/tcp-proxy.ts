import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy, as a pooler or a failover address is: what is connected stays where it led. */
export interface TcpProxy {
  /** The same URL, but through the proxy. */
  url: string;
  /** How many connections were made. */
  connects(): number;
  /** Leads new connections to the server of this URL. */
  turnTo(url: string): void;
  stop(): Promise<void>;
}

export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  let target = new URL(targetUrl);
  let connects = 0;
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    connects += 1;
    const outgoing = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const url = new URL(targetUrl);
  url.hostname = '127.0.0.1';
  const address = server.address();
  url.port = String(address !== null && typeof address === 'object' ? address.port : 0);
  return {
    url: url.href,
    connects: () => connects,
    turnTo: (newTarget) => {
      target = new URL(newTarget);
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
