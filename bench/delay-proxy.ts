import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * A TCP proxy that holds each chunk for half the added round trip, in both directions. Order is
 * kept and nothing waits for anything else, so a pipelining client gains from it what it would
 * gain from a real network. A process of its own: its timers must not wait behind the bench.
 */
export interface DelayProxy {
  port: number;
  /** What clients have sent through it so far. */
  sentBytes(): Promise<number>;
  stop(): void;
}

/** Starts a proxy to a port of this machine. */
export async function startDelayProxy(
  targetPort: number,
  roundTripMs: number,
): Promise<DelayProxy> {
  const child: ChildProcess = fork(__filename, [String(targetPort), String(roundTripMs / 2)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    async sentBytes() {
      child.send('sentBytes');
      const [bytes] = (await once(child, 'message')) as [number];
      return bytes;
    },
    stop: () => void child.kill(),
  };
}

function serve(targetPort: number, delayMs: number): void {
  let sentBytes = 0;
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    near.on('data', (chunk: Buffer) => {
      sentBytes += chunk.length;
    });
    relay(near, far, delayMs);
    relay(far, near, delayMs);
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') process.send?.(address.port);
  });
  process.on('message', () => process.send?.(sentBytes));
  process.on('disconnect', () => process.exit());
}

function relay(from: Socket, to: Socket, delayMs: number): void {
  const held: { chunk: Buffer; dueAt: number }[] = [];
  let waiting = false;
  const release = () => {
    const now = performance.now();
    // A timer fires up to a millisecond early; half of one is nearer to the mark than a whole.
    while (held[0] !== undefined && held[0].dueAt - now < 0.5) to.write(held.shift()?.chunk ?? '');
    waiting = held[0] !== undefined;
    if (held[0] !== undefined) setTimeout(release, held[0].dueAt - now);
  };
  from.setNoDelay(true);
  from.on('data', (chunk: Buffer) => {
    held.push({ chunk, dueAt: performance.now() + delayMs });
    if (!waiting) setTimeout(release, delayMs);
    waiting = true;
  });
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}

const [, , targetPort, delayMs] = process.argv;
if (require.main === module) serve(Number(targetPort), Number(delayMs));
