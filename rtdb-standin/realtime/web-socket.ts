import type { IncomingMessage, Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { namespaceName, requestTarget, type Standin } from '../standin';
import { Connection, resetMessage, type Transport } from './connection';
import { frameJoiner, MAX_MESSAGE_LENGTH, splitFrames } from './frames';

function transportOver(socket: WebSocket): Transport {
  return {
    send: (text) => {
      for (const frame of splitFrames(text)) {
        socket.send(frame);
      }
    },
    close: () => socket.close(),
  };
}

/** A new connection; or with `s`, the upgrade of one that came by long polling. */
function connect(standin: Standin, socket: WebSocket, request: IncomingMessage): void {
  const { parameters } = requestTarget(request);
  const host = request.headers.host ?? '';
  const transport = transportOver(socket);
  socket.on('error', (error) => standin.parts.log(`connection failed: ${error.message}`));
  const upgrades = parameters.get('s');
  const connection =
    upgrades === null
      ? new Connection(standin, namespaceName(parameters, host), host)
      : standin.connections.get(upgrades);
  if (connection === undefined) {
    transport.send(resetMessage(host));
    socket.close();
    return;
  }
  const join = frameJoiner();
  socket.on('message', (data) => {
    try {
      const text = join(data.toString());
      if (text !== null) {
        connection.receive(transport, text);
      }
    } catch (error) {
      connection.fail(error);
    }
  });
  socket.once('close', () => connection.lost(transport));
  if (upgrades === null) {
    connection.open(transport);
  } else {
    connection.startUpgrade(transport);
  }
}

/** Serves the SDKs' WebSocket protocol at `/.ws`. Returns how to drop all connections. */
export function serveWebSockets(server: Server, standin: Standin): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_LENGTH });
  server.on('upgrade', (request, socket, head) => {
    // Without a listener a reset by the peer would end the process.
    socket.on('error', () => socket.destroy());
    if (requestTarget(request).path !== '/.ws') {
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
