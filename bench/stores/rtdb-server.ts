import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { coupleIdOf, daysOf } from './dataset';

// RTDB's REST API for the bench's data, a process of its own: cheap enough not to be what is measured.
const couples = Number(process.argv[2]);
const list = JSON.stringify(
  Object.fromEntries(Array.from({ length: couples }, (_, n) => [coupleIdOf(n), true])),
);

const server = createServer((request, response) => {
  const [, number] = /^\/daily_quests\/u(\d{7})_/.exec(request.url ?? '') ?? [];
  response.setHeader('content-type', 'application/json');
  response.end(number === undefined ? list : JSON.stringify(daysOf(Number(number))));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
