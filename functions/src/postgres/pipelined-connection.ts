import { Client, type ClientConfig } from 'pg';
import { ConnectError } from './sqlstate';

/**
 * One connection that takes a statement before the last one was answered. pg's own Pool never
 * pipelines, and a pipelined Client doesn't reconnect: so this replaces a client that failed, at
 * the next statement. Every statement is its own transaction and unnamed, as a pooler in
 * transaction mode wants it.
 *
 * Source: node-postgres documentation, "Pipelining"; PostgreSQL manual, 32.5 "Pipeline Mode".
 */
export class PipelinedConnection {
  /** Statements sent and not answered. */
  inFlight = 0;
  #client: Promise<Client> | null = null;

  constructor(private readonly config: ClientConfig) {}

  /** Runs one statement. Rejects with pg's error, or a {@link ConnectError}. */
  async run(text: string, values: unknown[]): Promise<unknown[]> {
    this.inFlight += 1;
    try {
      const client = await this.#connected();
      const result = await client.query(text, values);
      return result.rows;
    } finally {
      this.inFlight -= 1;
    }
  }

  /** Lets what is in flight finish, then closes. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await (await client?.catch(() => null))?.end();
  }

  #connected(): Promise<Client> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  #connect(): Promise<Client> {
    const client = new Client({ ...this.config, pipeline: true });
    const connected = client.connect().then(
      () => client,
      (cause: Error) => {
        throw new ConnectError(`no connection to Postgres: ${cause.message}`, { cause });
      },
    );
    const forget = () => {
      if (this.#client === connected) this.#client = null;
    };
    // Without a listener, a connection lost while idle would end the process.
    client.on('error', forget);
    client.on('end', forget);
    connected.catch(forget);
    return connected;
  }
}
