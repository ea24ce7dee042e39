import { connect } from 'node:net';

/** Sends bytes as they are, in pieces, and answers the status line; null where the peer hung up. */
export function sendRaw(
  port: number,
  pieces: readonly (string | Buffer)[],
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (answer.includes('\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.split('\r\n')[0] || null));
    socket.on('connect', () => {
      const [first, ...rest] = pieces;
      if (first !== undefined) socket.write(first);
      // The next turn, so that each piece is a packet of its own.
      for (const piece of rest) setImmediate(() => socket.destroyed || socket.write(piece));
    });
    socket.setTimeout(5_000, () => socket.destroy());
  });
}
