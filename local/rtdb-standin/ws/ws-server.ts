import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { namespaceName, type Standin } from '../standin';
import { frameJoiner, splitFrames } from './frames';
import { parseDataMessage, Session } from './session';

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

function connect(standin: Standin, socket: WebSocket, request: IncomingMessage): void {
  const url = new URL(request.url ?? '/', 'http://standin');
  const { host } = request.headers;
  const { log } = standin.parts;
  const send = (message: unknown): void => {
    for (const frame of splitFrames(JSON.stringify(message))) {
      socket.send(frame);
    }
  };
  const namespace = standin.namespace(namespaceName(url, host));
  const session = new Session(namespace, (a, b) => send({ t: 'd', d: { a, b } }), log);
  const join = frameJoiner();
  socket.on('message', (data) => {
    try {
      const text = join(data.toString());
      const message = text === null ? null : parseDataMessage(text);
      if (message !== null) {
        const b = session.handle(message.action, message.body);
        send({ t: 'd', d: { r: message.requestNumber, b } });
      }
    } catch (error) {
      log(`connection closed: ${error instanceof Error ? error.message : String(error)}`);
      socket.close(1011);
    }
  });
  socket.on('error', (error) => log(`connection failed: ${error.message}`));
  socket.once('close', () => session.close());
  const hello = { ts: Math.floor(standin.now()), v: '5', h: host, s: randomUUID() };
  send({ t: 'c', d: { t: 'h', d: hello } });
}

/** Serves the SDKs' WebSocket protocol at `/.ws`. Returns how to drop all connections. */
export function serveWebSockets(server: Server, standin: Standin): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on('upgrade', (request, socket, head) => {
    if (!request.url?.startsWith('/.ws')) {
      socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      connect(standin, webSocket, request),
    );
  });
  return () => {
    for (const client of sockets.clients) {
      client.terminate();
    }
    sockets.close();
  };
}
