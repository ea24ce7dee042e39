import { Client, type ClientConfig, DatabaseError } from 'pg';
import type { ConnectGate } from './connect-gate';
import { ConnectError } from './sqlstate';

/** Statements in flight on one connection: at 20 ms away, 4 would cap it at 200 a second. */
const PIPELINE_DEPTH = 8;

/**
 * One connection that takes a statement before the last one was answered, where that is safe: only
 * on a direct connection. A pooler in transaction mode may hand the server connection on between
 * two statements: pgbouncer 1.18 was seen to break the protocol then. There, one statement is in
 * flight at a time.
 *
 * pg's own Pool never pipelines, and a pipelined Client doesn't reconnect: so this replaces a client
 * that failed, at the next statement. Every statement is its own transaction and unnamed.
 *
 * Source: node-postgres documentation, "Pipelining"; PostgreSQL manual, 32.5 "Pipeline Mode".
 */
export class PipelinedConnection {
  /** Statements that may be in flight; 1 until it is known that no pooler is in between. */
  depth = 1;
  /** Statements sent and not answered, or waiting for their turn. */
  load = 0;
  #sent = 0;
  readonly #waiting: (() => void)[] = [];
  #client: Promise<Client> | null = null;

  constructor(
    private readonly config: ClientConfig,
    private readonly gate: ConnectGate,
  ) {}

  /** Runs one statement. Rejects with pg's error, or a {@link ConnectError}. */
  async run(text: string, values: unknown[], signal?: AbortSignal): Promise<unknown[]> {
    this.load += 1;
    try {
      await this.#turn();
      signal?.throwIfAborted();
      return await this.#send(text, values);
    } finally {
      this.load -= 1;
      this.#sent -= 1;
      this.#admit();
    }
  }

  /** Lets what is in flight finish, then closes. Call it when nothing more is submitted or waits. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await (await client?.catch(() => null))?.end();
  }

  /** Resolves when the statement may be sent; in the order of asking. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#admit();
    });
  }

  #admit(): void {
    while (this.#sent < this.depth && this.#waiting.length > 0) {
      this.#sent += 1;
      this.#waiting.shift()?.();
    }
  }

  async #send(text: string, values: unknown[]): Promise<unknown[]> {
    this.#client ??= this.#connect();
    const connected = this.#client;
    try {
      return (await (await connected).query(text, values)).rows;
    } catch (error) {
      // The server ends the session after a FATAL error, but the socket lives a moment longer:
      // whoever repeats the statement must not meet it.
      const isLost = !(error instanceof DatabaseError) || error.severity === 'FATAL';
      if (isLost && this.#client === connected) {
        this.#client = null;
        connected.then((client) => client.end()).catch(() => {});
      }
      throw error;
    }
  }

  #connect(): Promise<Client> {
    const client = new Client({ ...this.config, pipeline: true });
    const connected = this.#open(client);
    const forget = () => {
      if (this.#client === connected) this.#client = null;
    };
    // Without a listener, a connection lost while idle would end the process.
    client.on('error', forget);
    client.on('end', forget);
    connected.catch(forget);
    return connected;
  }

  async #open(client: Client): Promise<Client> {
    try {
      await this.gate.pass();
      await client.connect();
      this.depth = (await isDirect(client)) ? PIPELINE_DEPTH : 1;
      this.gate.succeeded();
      this.#admit();
      return client;
    } catch (cause) {
      this.gate.failed();
      void client.end().catch(() => {});
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new ConnectError(`no connection to Postgres: ${message}`, { cause });
    }
  }
}

/** A pooler announces a process id of its own to the client; a server announces that of its backend. */
async function isDirect(client: Client & { processID?: number | null }): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid === client.processID;
}
