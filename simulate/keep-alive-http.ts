import { Agent, request } from 'node:http';

export interface HttpCall {
  method: 'POST' | 'PUT' | 'PATCH';
  port: number;
  /** With its query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** As the platform ends what takes longer than an event's minute. */
const TIMEOUT_MS = 60_000;

/** Sends requests to this machine over connections that stay open, at most `connectionsMax`. */
export class KeepAliveHttp {
  readonly #agent: Agent;

  constructor(connectionsMax: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax });
  }

  /** Answers the status; 0 where no answer came. */
  send(one: HttpCall): Promise<number> {
    const { method, port, path, headers, body } = one;
    return new Promise((resolve) => {
      const call = request({
        ...{ host: '127.0.0.1', port, path, method, agent: this.#agent },
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      });
      call.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', () => resolve(0));
      });
      call.on('error', (error: NodeJS.ErrnoException) => {
        // A socket that the server had just closed for idleness: nothing was received, send anew.
        // https://nodejs.org/api/http.html#requestreusedsocket
        if (call.reusedSocket && error.code === 'ECONNRESET') void this.send(one).then(resolve);
        else resolve(0);
      });
      call.setTimeout(TIMEOUT_MS, () => call.destroy());
      // As bytes: Node writes a text body together with the headers, all of it as UTF-8.
      call.end(Buffer.from(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
