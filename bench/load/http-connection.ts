import { connect, type Socket } from 'node:net';

/**
 * A keep-alive connection that has one request on its way. Node's own HTTP client costs the
 * generator more than the function spends on an event, and both share the machine; the runtime's
 * answers have a Content-Length or no body, so that a few lines read them.
 */
export class HttpConnection {
  #received = '';
  #settle: ((status: number) => void) | null = null;
  #fail: ((error: Error) => void) | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#onData(chunk));
    socket.on('error', (error) => this.#fail?.(error));
    socket.on('close', () => this.#fail?.(new Error('the function closed the connection')));
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket));
      });
    });
  }

  /** Sends a request; answers its status. */
  send(request: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#fail = null;
    this.socket.destroy();
  }

  #onData(chunk: string): void {
    this.#received += chunk;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const head = this.#received.slice(0, headEnd);
    const status = Number(head.slice(9, 12));
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < headEnd + 4 + length) return;
    this.#received = '';
    const settle = this.#settle;
    this.#settle = null;
    this.#fail = null;
    settle?.(status);
  }
}
