import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type CloudEvent, completionEvent, encodeHeader, send } from '../support/cloud-event';
import { mirrorOfFile } from '../support/mirror-runtime';
import { completions } from '../support/mirror-tables';

const mirror = mirrorOfFile();

/** Two of them are handled at once. */
const large = (questId: string): CloudEvent =>
  completionEvent({
    questId,
    after: { completedAt: 1_763_553_600_000, text: 'x'.repeat(450_000) },
  });

/** A large event as bytes: its head, and its body. */
function requestOf(event: CloudEvent): [head: string, body: string] {
  const { data, datacontenttype, ...attributes } = event;
  const body = JSON.stringify(data);
  const lines = [
    'POST / HTTP/1.1',
    'host: mirror',
    `content-type: ${datacontenttype}`,
    `content-length: ${body.length}`,
    ...Object.entries(attributes).map(([name, value]) => `ce-${name}: ${encodeHeader(`${value}`)}`),
  ];
  return [`${lines.join('\r\n')}\r\n\r\n`, body];
}

async function open(): Promise<Socket> {
  const socket = connect({ port: mirror.runtime.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('senders that go away while they wait leave room for others', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, open));
  for (const [n, socket] of sockets.entries()) {
    const [head, body] = requestOf(large(`gone_${n}`));
    socket.write(n % 2 === 0 ? head + body : head + body.slice(0, 1_000));
  }
  for (const socket of sockets) socket.destroySoon();
  expect(await send(mirror.runtime.url, large('after'))).toBe(204);
}, 20_000);

test('senders that stall are given up, and small events never wait for them', async () => {
  const sockets = [await open(), await open()];
  for (const [n, socket] of sockets.entries()) {
    const [head, body] = requestOf(large(`stalled_${n}`));
    socket.write(head + body.slice(0, 1_000));
  }
  const waiting = send(mirror.runtime.url, large('after'));
  const small = await send(mirror.runtime.url, completionEvent({ questId: 'small' }));
  expect(small).toBe(204);
  expect(await waiting).toBe(204);
  expect(await completions(mirror.database)).toHaveLength(2);
}, 30_000);
