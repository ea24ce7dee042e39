import { type ClientConfig, Pool, type PoolClient } from 'pg';
import { ConnectGate } from './connect-gate';
import { type Statements, statementsOn } from './statements';

/**
 * One snapshot, no writes, and an end. `set local`, because a pooler in transaction mode refuses
 * settings at start-up and forgets those of a session. No JIT: it costs more than such statements.
 * No parallel workers: a reader takes one core from the writers, not all.
 *
 * Source: PostgreSQL manual, "SET" and 20.11.1 "Statement Behavior".
 */
const BEGIN = `
begin transaction isolation level repeatable read, read only;
set local statement_timeout = '2s';
set local lock_timeout = '1s';
set local idle_in_transaction_session_timeout = '10s';
set local jit = off;
set local max_parallel_workers_per_gather = 0
`;

/** For readers that must never get into the way of writers: short transactions that can't write. */
export class ReadOnlyTransactions {
  readonly #pool: Pool;
  readonly #gate = new ConnectGate();

  constructor(config: ClientConfig, max: number) {
    this.#pool = new Pool({ ...config, max });
    // Without a listener, a connection lost while idle would end the process.
    this.#pool.on('error', () => {});
  }

  /** Runs all of `work` in one transaction. Rejects with pg's error, or a `ConnectError`. */
  async read<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      await client.query(BEGIN);
      const result = await work(oneAfterTheOther(client));
      await client.query('commit');
      client.release();
      return result;
    } catch (error) {
      // Closed, not rolled back by hand: whatever the connection's state is, the server ends it.
      client.release(true);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #connect(): Promise<PoolClient> {
    const client = await this.#gate.pass(() => this.#pool.connect());
    this.#gate.succeeded();
    return client;
  }
}

/** Statements that are asked for together wait for each other: they share one connection. */
function oneAfterTheOther(client: PoolClient): Statements {
  const statements = statementsOn(client);
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(text, values) {
      const rows = last.then(() => statements.run(text, values));
      last = rows.catch(() => {});
      return rows;
    },
  };
}
